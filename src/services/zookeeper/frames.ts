/** A frame is at most so large: a server's `jute.maxbuffer` may be raised, and an answer to many reads is larger still. */
const largestFrame = 256 * 1024 * 1024;

/** Thrown for bytes that no ZooKeeper sends. */
export class NotZookeeper extends Error {}

/**
 * Takes a stream of bytes apart into the frames of the protocol: four bytes of length, then the frame. Frames are views
 * into the chunks where they lie in one, so nothing is copied but what spans several.
 */
export function frameReader(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer[] = [];
  let size = 0;
  let needed = 4;

  return (chunk) => {
    waiting.push(chunk);
    size += chunk.length;
    if (size < needed) return;

    let bytes = waiting.length === 1 ? chunk : Buffer.concat(waiting, size);
    for (needed = sizeOf(bytes); bytes.length >= needed; needed = sizeOf(bytes)) {
      const frame = bytes.subarray(4, needed);
      bytes = bytes.subarray(needed);
      onFrame(frame);
    }
    waiting = bytes.length > 0 ? [bytes] : [];
    size = bytes.length;
  };

  function sizeOf(bytes: Buffer): number {
    if (bytes.length < 4) return 4;
    const length = bytes.readInt32BE(0);
    if (length < 0 || length > largestFrame) throw new NotZookeeper('the frame has an impossible length');
    return 4 + length;
  }
}
