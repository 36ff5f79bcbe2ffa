/** A commit as it was signed. */
export interface SignedCommit {
  /** The bytes that the signature is over: all of the commit but the signature itself. */
  readonly content: Uint8Array;
  /** Armored. `undefined` where there is none, or more than one thing that git could take for one. */
  readonly signature: string | undefined;
}

const header = 'gpgsig';

/** Puts an armored signature into a commit, where git has it: as its last header, every further line after a space. */
export function addSignature(content: Uint8Array, signature: string): Uint8Array {
  const bytes = Buffer.from(content);
  const end = bytes.indexOf('\n\n') + 1;
  const lines = signature.trimEnd().split(/\r?\n/).join('\n ');
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(`${header} ${lines}\n`), bytes.subarray(end)]);
}

/** The inverse: a commit taken apart as git does it before it verifies one (parse_signed_commit in its commit.c). */
export function splitSignature(commit: Uint8Array): SignedCommit {
  // latin1 has a character for every byte, so that nothing is lost on the way
  const text = Buffer.from(commit).toString('latin1');
  const end = text.indexOf('\n\n') + 1;
  const lines = (end === 0 ? text : text.slice(0, end)).split('\n');
  const kept: string[] = [];
  const signatures: string[] = [];
  let inSignature = false;
  for (const line of lines) {
    if (inSignature && line.startsWith(' ')) {
      signatures.push(`${signatures.pop()}\n${line.slice(1)}`);
      continue;
    }
    inSignature = line.startsWith(header);
    if (!inSignature) kept.push(line);
    else signatures.push(line.startsWith(`${header} `) ? line.slice(header.length + 1) : '');
  }
  const [signature] = signatures.length === 1 ? signatures : [];
  const content = kept.join('\n') + (end === 0 ? '' : text.slice(end));
  return { content: Buffer.from(content, 'latin1'), signature: signature ? `${signature}\n` : undefined };
}
