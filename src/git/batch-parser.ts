/** What `git cat-file` says to one request; without content it has no such object. */
export interface BatchAnswer {
  readonly type: string;
  readonly content: Buffer | undefined;
}

/**
 * Takes the output of `cat-file`, `--batch` or `--batch-command`, apart: `<oid> <type> <size>\n<content>\n`, or
 * `<oid> missing\n`. Chunks are joined only once an object is complete, so that a large one is not copied again for each of its
 * pieces.
 */
export function batchParser(onAnswer: (answer: BatchAnswer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let available = 0;
  let wanted = 1;

  return (chunk) => {
    chunks.push(chunk);
    available += chunk.length;
    if (available < wanted) return;

    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) {
        wanted = bytes.length - at + 1;
        break;
      }
      const [, type = '', size] = bytes.toString('latin1', at, end).split(' ');
      const length = size === undefined ? 0 : Number(size) + 1;
      if (end + 1 + length > bytes.length) {
        wanted = end + 1 + length - at;
        break;
      }
      onAnswer({ type, content: size === undefined ? undefined : bytes.subarray(end + 1, end + length) });
      at = end + 1 + length;
    }
    chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    available = bytes.length - at;
  };
}
