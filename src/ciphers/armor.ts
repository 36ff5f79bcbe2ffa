const frame =
  /^-----BEGIN PGP SIGNATURE-----\n(?:[A-Za-z]+: [^\n]*\n)*\n(?<body>(?:[A-Za-z0-9+/]+={0,2}\n)+)(?:=(?<sum>[A-Za-z0-9+/]{4})\n)?-----END PGP SIGNATURE-----\n$/;

/**
 * The bytes of an armored signature, or `undefined` where there is a character in it that no program writes: what may be
 * changed without anybody noticing is nothing that a proof should stand on.
 */
export function decodeSignatureArmor(text: string): Uint8Array | undefined {
  const { body, sum } = frame.exec(text)?.groups ?? {};
  if (body === undefined) return undefined;
  const base64 = body.replaceAll('\n', '');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) return undefined;
  return sum === undefined || sum === checksum(bytes) ? bytes : undefined;
}

/** The CRC-24 of RFC 9580, 6.1.1, as it stands below an armor. */
function checksum(bytes: Uint8Array): string {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x800000 ? 0x1864cfb : 0);
  }
  return Buffer.from([(crc >> 16) & 0xff, (crc >> 8) & 0xff, crc & 0xff]).toString('base64');
}
