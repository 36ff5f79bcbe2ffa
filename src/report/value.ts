import { textOf } from '../snapshot/bytes.ts';
import { count } from '../snapshot/message.ts';

/** A value with whether it lies encrypted; `undefined` where its content is not at hand. */
export interface ShownValue {
  readonly value: Uint8Array | null | undefined;
  readonly encrypted?: boolean;
}

/** A value of more bytes than this is told by its size: nobody reads its lines, and comparing them may take minutes. */
const longestText = 1024 * 1024;

/** How well-known kinds of binary values begin. */
const beginnings: readonly (readonly [kind: string, hex: string])[] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['lz4', '04224d18'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['snappy', 'ff060000734e61507059'],
  ['zip', '504b0304'],
  ['PNG', '89504e470d0a1a0a'],
  ['JPEG', 'ffd8ff'],
  ['ELF', '7f454c46'],
  ['SQLite', '53514c69746520666f726d6174203300'],
  ['Java keystore', 'feedfeed'],
  ['Java object', 'aced0005'],
  ['Kubernetes protobuf', '6b387300'],
  ['DER', '3082'],
  ['UTF-16', 'fffe'],
  ['UTF-16', 'feff'],
];

/** The text that a value is, if it is one that can be read: not binary, and not very large. */
export function readableText(value: Uint8Array): string | undefined {
  return value.length <= longestText && !value.includes(0) ? textOf(value) : undefined;
}

/** `8 B`, `binary (gzip), 120 B`, `no value`: what can be told of a value without showing it. */
export function describeSize(side: ShownValue | undefined): string {
  if (side === undefined) return 'nothing';
  const { value, encrypted } = side;
  if (value === undefined) return encrypted ? 'an encrypted value that no key opens' : 'a value that is not at hand';
  if (value === null) return 'no value';
  return `${isBinary(value) ? `${binaryKind(value)}, ` : ''}${count(value.length)} B`;
}

function isBinary(value: Uint8Array): boolean {
  return value.includes(0) || textOf(value) === undefined;
}

function binaryKind(value: Uint8Array): string {
  const start = Buffer.from(value.subarray(0, 16)).toString('hex');
  const [kind] = beginnings.find(([, hex]) => start.startsWith(hex)) ?? [];
  return kind === undefined ? 'binary' : `binary (${kind})`;
}
