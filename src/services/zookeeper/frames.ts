/** A frame is at most so large: a server's `jute.maxbuffer` may be raised, and an answer to many reads is larger still. */
const largestFrame = 256 * 1024 * 1024;

/** Thrown for bytes that no ZooKeeper sends. */
export class NotZookeeper extends Error {}

/** In front of each frame. */
const lengthBytes = 4;

/**
 * Takes a stream of bytes apart into the frames of the protocol: four bytes of length, then the frame. A frame is a view
 * into its chunk where it lies in one, and else a copy of just its bytes, so that one that is kept keeps nothing else.
 */
export function frameReader(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer[] = [];
  let size = 0;
  /** Of the frame that comes next, once it is known. */
  let length: number | undefined;

  return (chunk) => {
    waiting.push(chunk);
    size += chunk.length;
    while (size >= (length ?? lengthBytes)) {
      const taken = take(length ?? lengthBytes);
      if (length === undefined) length = lengthOf(taken);
      else {
        length = undefined;
        onFrame(taken);
      }
    }
  };

  /** All that waits but the last chunk is part of it. */
  function take(count: number): Buffer {
    const [first = Buffer.alloc(0), ...more] = waiting;
    const last = more.at(-1) ?? first;
    const taken = more.length > 0 ? Buffer.concat(waiting, count) : first.subarray(0, count);
    size -= count;
    waiting = size > 0 ? [last.subarray(last.length - size)] : [];
    return taken;
  }

  function lengthOf(bytes: Buffer): number {
    const wanted = bytes.readInt32BE(0);
    if (wanted < 0 || wanted > largestFrame) throw new NotZookeeper('the frame has an impossible length');
    return wanted;
  }
}
