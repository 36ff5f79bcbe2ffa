import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { objectId } from './pack.ts';
import type { GitObject, ObjectType } from './reader.ts';

/**
 * An object whose content has been held against its id. Throws `TreekeeperError('integrity')` where they do not agree.
 */
export function prove(oid: Oid, type: string, content: Uint8Array): GitObject {
  const known = type as ObjectType;
  if (objectId(known, content) === oid) return { oid, type: known, content };
  throw damagedObject(oid, 'its content is not what its id says');
}

/**
 * The content of an object that has to be of one type. Throws `TreekeeperError('integrity')` where it is of another.
 */
export async function contentOf(object: Promise<GitObject>, type: ObjectType): Promise<Uint8Array> {
  const found = await object;
  if (found.type === type) return found.content;
  throw damagedObject(found.oid, `it is a ${found.type}, and a ${type} was expected`);
}

export function damagedObject(oid: Oid, reason: string): TreekeeperError {
  return new TreekeeperError('integrity', `the object ${oid} is damaged: ${reason}`, {
    hint: '`treekeeper check` tells what else is; a clone may have it whole',
  });
}
