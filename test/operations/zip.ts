import { crc32, deflateRawSync } from 'node:zlib';

/** A file for a zip, with the lies that a test wants it to tell. */
export interface ZipFile {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  readonly size?: number;
  readonly checksum?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Where the directory says that it begins, where that is not the truth. */
  readonly offset?: number;
}

/**
 * A zip file as Go's archive/zip writes it, which burry uses: deflated, with sizes and checksum behind the content and in the
 * directory only (flag 8), and with a zip64 directory when asked for.
 */
export function zip(files: readonly ZipFile[], { zip64 = false } = {}): Buffer {
  const parts: Buffer[] = [];
  const headers: Buffer[] = [];
  let offset = 0;
  const write = (part: Buffer) => {
    parts.push(part);
    offset += part.length;
  };
  for (const file of files) {
    const name = Buffer.from(file.name);
    const content = Buffer.from(file.content ?? '');
    const { flags = 8, method = 8, size = content.length, checksum = crc32(content) } = file;
    const packed = method === 0 ? content : deflateRawSync(content);
    const at = file.offset ?? offset;
    write(record([[4, 0x04034b50], [2, 20], [2, flags], [2, method], ...none(16), [2, name.length], [2, 0]], 30));
    write(name);
    write(packed);
    write(
      record(
        [
          [4, 0x08074b50],
          [4, checksum],
          [4, packed.length],
          [4, size],
        ],
        16,
      ),
    );
    const fields: Field[] = [
      [4, 0x02014b50],
      [2, 20],
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
      [4, checksum],
    ];
    const rest: Field[] = [[4, packed.length], [4, size], [2, name.length], ...none(12), [4, at]];
    headers.push(record([...fields, ...rest], 46), name);
  }
  const start = offset;
  for (const header of headers) write(header);
  const length = offset - start;
  if (zip64) {
    const end = offset;
    write(
      record(
        [
          [4, 0x06064b50],
          [8, 44],
          [2, 45],
          [2, 45],
          [4, 0],
          [4, 0],
          [8, files.length],
          [8, files.length],
        ],
        40,
      ),
    );
    write(
      record(
        [
          [8, length],
          [8, start],
        ],
        16,
      ),
    );
    write(
      record(
        [
          [4, 0x07064b50],
          [4, 0],
          [8, end],
          [4, 1],
        ],
        20,
      ),
    );
  }
  const count = zip64 ? 0xffff : files.length;
  const [size, begin] = zip64 ? [0xffffffff, 0xffffffff] : [length, start];
  write(
    record(
      [
        [4, 0x06054b50],
        [2, 0],
        [2, 0],
        [2, count],
        [2, count],
        [4, size],
        [4, begin],
        [2, 0],
      ],
      22,
    ),
  );
  return Buffer.concat(parts);
}

type Field = [bytes: 2 | 4 | 8, value: number];

/** So many bytes of fields that nobody looks at. */
function none(bytes: number): Field[] {
  return Array.from({ length: bytes / 2 }, (): Field => [2, 0]);
}

function record(fields: readonly Field[], length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else buffer.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return buffer;
}
