import { randomBytes } from 'node:crypto';

/**
 * Files are written under a name like this and linked to their own once they are whole, so that a half-written one is
 * never taken for a value. A read passes them over; one that a killed restore left can be removed at any time.
 */
const prefix = '.treekeeper-tmp-';

export function temporaryName(): string {
  return prefix + randomBytes(8).toString('hex');
}

export function isTemporary(name: Buffer): boolean {
  return name.subarray(0, prefix.length).toString('latin1') === prefix;
}
