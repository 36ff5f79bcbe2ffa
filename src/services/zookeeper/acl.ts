import { createHash } from 'node:crypto';
import type { Attributes, Json } from '../../snapshot/node.ts';
import type { AclEntry } from './records.ts';

/** Everybody may do everything: what a node has where nobody cared, and so what is not recorded. */
export const openAcl: readonly AclEntry[] = [{ perms: 31, scheme: 'world', id: 'anyone' }];

const letters = [
  ['c', 4],
  ['d', 8],
  ['r', 1],
  ['w', 2],
  ['a', 16],
] as const;

export const mayCreate = 4;

/**
 * An ACL as the attributes of its node, in the server's order; `undefined` for the open one. A digest that the server
 * shows as `x`, since we may not administer the node, is marked as redacted.
 */
export function attributesOf(acl: readonly AclEntry[]): Attributes | undefined {
  const [first] = acl;
  if (acl.length === 1 && first?.perms === 31 && first.scheme === 'world' && first.id === 'anyone') return undefined;
  return {
    acl: acl.map(({ perms, scheme, id }) => ({
      scheme,
      id: decodeText(id),
      perms: formatPerms(perms),
      ...(isRedacted({ scheme, id }) && { redacted: true }),
    })),
  };
}

/** The inverse of `attributesOf`. Answers a string that says what is wrong where the attributes cannot be an ACL's. */
export function aclOf(attributes: Attributes | undefined): readonly AclEntry[] | string {
  if (attributes === undefined) return openAcl;
  const other = Object.keys(attributes).find((name) => name !== 'acl');
  if (other !== undefined) return `ZooKeeper cannot hold the attribute ${other}`;
  const { acl } = attributes;
  if (!isList(acl) || acl.length === 0) return 'its ACL is no list of entries';

  const entries: AclEntry[] = [];
  for (const item of acl) {
    const { scheme, id, perms, redacted } = fieldsOf(item);
    if (typeof scheme !== 'string' || typeof id !== 'string' || typeof perms !== 'string') {
      return 'its ACL has an entry without scheme, id and perms';
    }
    const bits = parsePerms(perms);
    if (bits === undefined) return `its ACL has the permissions ${perms}, which are none`;
    const entry = { scheme: encodeText(scheme), id: encodeText(id), perms: bits };
    if (redacted === true || isRedacted(entry)) {
      return 'its ACL was masked when it was read, and would lock the node for ever';
    }
    entries.push(entry);
  }
  return entries;
}

export function isSameAcl(a: readonly AclEntry[], b: readonly AclEntry[]): boolean {
  return a.length === b.length && a.every((entry, index) => isSameEntry(entry, b[index]));
}

/** The id that an ACL has for a user of the digest scheme: `user:base64(sha1(user:password))`. */
export function digestId(user: string, password: string): string {
  const hash = createHash('sha1').update(`${user}:${password}`).digest('base64');
  return `${encodeText(user)}:${hash}`;
}

/** An id has one character per byte, and is UTF-8. */
export function decodeText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

export function encodeText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The server shows `user:x` in place of the hash to whoever has no right to administer the node. */
function isRedacted({ scheme, id }: Omit<AclEntry, 'perms'>): boolean {
  return scheme === 'digest' && id.endsWith(':x');
}

function isSameEntry(a: AclEntry, b: AclEntry | undefined): boolean {
  return b !== undefined && a.perms === b.perms && a.scheme === b.scheme && a.id === b.id;
}

/** As zkCli writes them; bits that have no letter make it a number. */
function formatPerms(perms: number): string {
  if ((perms & ~31) !== 0) return String(perms);
  return letters
    .filter(([, bit]) => (perms & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
}

function parsePerms(text: string): number | undefined {
  if (/^-?\d{1,10}$/.test(text)) return Number(text) | 0;
  let perms = 0;
  for (const letter of text) {
    const [, bit] = letters.find(([known]) => known === letter) ?? [];
    if (bit === undefined) return undefined;
    perms |= bit;
  }
  return perms;
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

function fieldsOf(json: Json): { readonly [name: string]: Json } {
  return typeof json === 'object' && json !== null && !isList(json) ? json : {};
}
