import type { Random } from '../random.ts';

/** A change of bytes on their way. */
export interface Mutation {
  readonly name: string;
  change(bytes: Buffer): Buffer;
}

const lengths = [0, 1, 4, 255, 65_536, 0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/** The beginning of the bytes gives way to others. */
function replaced(bytes: Buffer, beginning: Uint8Array): Buffer {
  return Buffer.concat([beginning, bytes.subarray(beginning.length)]);
}

/** One bit is another. */
export function flip(random: Random): Mutation {
  const bit = 1 << random.below(8);
  return { name: `the bit ${bit} flipped`, change: (bytes) => replaced(bytes, Buffer.of((bytes[0] ?? 0) ^ bit)) };
}

/** Some bytes are missing. */
export function lose(random: Random): Mutation {
  const count = 1 + random.below(64);
  return { name: `${count} bytes lost`, change: (bytes) => bytes.subarray(count) };
}

/** Another length, as most protocols write it: big-endian, in four bytes or in three. */
function relength(random: Random): Mutation {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(random.pick(lengths));
  const field = length.subarray(random.below(2));
  return { name: `a length of ${field.toString('hex')}`, change: (bytes) => replaced(bytes, field) };
}

/** A length that nothing has which is to be held in memory. */
export function makeHuge(random: Random): Mutation {
  const field = Buffer.from(random.pick(['0fffffff', '3fffffff', '3fffffff', '7fffffff', 'ffffffff']), 'hex');
  return { name: `a length of ${field.toString('hex')}`, change: (bytes) => replaced(bytes, field) };
}

/** Another length as protobuf writes it. */
function revarint(random: Random): Mutation {
  const field = Buffer.from(
    random.pick(['ffffffff07', 'ffffffffffffffff7f', 'ff7f', '00', 'ffffffffffffffffffff01']),
    'hex',
  );
  return { name: `a varint of ${field.toString('hex')}`, change: (bytes) => replaced(bytes, field) };
}

/** The next number that is written in digits is another. */
function redigit(random: Random): Mutation {
  const digits = random.pick(['0', '9999999999', '-1', '7fffffff', '1e999', '']);
  return {
    name: `the number ${JSON.stringify(digits)}`,
    change: (bytes) => Buffer.from(bytes.toString('latin1').replace(/\d+/, digits), 'latin1'),
  };
}

function insert(random: Random): Mutation {
  const garbage = random.bytes(1 + random.below(200));
  return { name: `${garbage.length} bytes of garbage`, change: (bytes) => Buffer.concat([garbage, bytes]) };
}

function overwrite(random: Random): Mutation {
  const garbage = random.bytes(1 + random.below(200));
  return { name: `${garbage.length} bytes overwritten`, change: (bytes) => replaced(bytes, garbage) };
}

function repeat(random: Random): Mutation {
  const times = 2 + random.below(3);
  return {
    name: `repeated ${times} times`,
    change: (bytes) => Buffer.concat(Array.from({ length: times }, () => bytes)),
  };
}

function truncate(random: Random): Mutation {
  const count = 1 + random.below(100);
  return { name: `cut short by ${count}`, change: (bytes) => bytes.subarray(0, Math.max(0, bytes.length - count)) };
}

/** A change of any kind. */
export function anyMutation(random: Random): Mutation {
  return random.pick([flip, lose, relength, revarint, redigit, insert, overwrite, repeat, truncate])(random);
}
