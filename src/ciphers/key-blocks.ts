const begin = '-----BEGIN PGP';

/** The parts of a file with keys: armored blocks, of which people put several into one file, or the whole of a binary one. */
export function keyBlocks(file: Uint8Array): readonly (string | Uint8Array)[] {
  if (!Buffer.from(file.subarray(0, 4096)).includes(begin)) return [Uint8Array.from(file)];
  const blocks = Buffer.from(file)
    .toString()
    .split(new RegExp(`^(?=${begin})`, 'm'));
  return blocks.filter((block) => block.startsWith(begin));
}
