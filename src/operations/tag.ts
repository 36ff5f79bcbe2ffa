import { TreekeeperError } from '../errors.ts';
import { moveRefs } from '../git/refs.ts';
import { isRefName } from '../git/repository.ts';
import { shortOid } from '../snapshot/moment.ts';
import { type Moment, readMoment } from './history.ts';
import { nearest } from './nearest.ts';
import type { OpenRepository } from './open.ts';
import { listStores, locateStores, resolveRevision } from './revision.ts';

const prefix = 'refs/tags/';

/** A name that a person gave to a snapshot. */
export interface Tag {
  readonly name: string;
  readonly moment: Moment;
}

/** The tags that name snapshots, by name. */
export async function listTags({ reader }: OpenRepository): Promise<Tag[]> {
  const tags: Tag[] = [];
  for (const [ref, oid] of await reader.refs()) {
    if (!ref.startsWith(prefix)) continue;
    const object = await reader.read(oid);
    if (object.type === 'commit' || object.type === 'tag')
      tags.push({ name: ref.slice(prefix.length), moment: await readMoment(reader, oid) });
  }
  return tags.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Gives a name to the snapshot that `revision` names. Throws `TreekeeperError('usage')` where it cannot be a name, or is one
 * of something else already. To give it to the same snapshot again is done already, which `isNew` tells.
 */
export async function createTag(
  { repository, reader }: OpenRepository,
  name: string,
  revision: string,
  store: string | undefined,
): Promise<Tag & { readonly isNew: boolean }> {
  requireFree(name, await listStores(reader, await resolveRevision(reader, repository, '')));
  const { moment } = await locateStores(reader, repository, revision, store);
  const known = (await reader.refs()).get(prefix + name);
  if (known === undefined) {
    await moveRefs(repository, [{ ref: prefix + name, from: undefined, to: moment.oid }], `tag ${name}`);
    return { name, moment, isNew: true };
  }
  const present = await readMoment(reader, known);
  if (present.oid === moment.oid) return { name, moment, isNew: false };
  throw new TreekeeperError('usage', `there is a tag ${name} already, of ${shortOid(present.oid)}`, {
    hint: `take another name, or \`treekeeper tag --delete ${name}\` first`,
  });
}

/** Takes a name away. The snapshot stays. Throws `TreekeeperError('usage')` where there is no such tag. */
export async function deleteTag(opened: OpenRepository, name: string): Promise<Tag> {
  const oid = (await opened.reader.refs()).get(prefix + name);
  if (oid === undefined) {
    const names = (await listTags(opened)).map((tag) => tag.name);
    const meant = nearest(name, names);
    throw new TreekeeperError('usage', `there is no tag ${name}`, {
      hint: meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : '`treekeeper tag` lists them',
    });
  }
  const moment = await readMoment(opened.reader, oid);
  await moveRefs(opened.repository, [{ ref: prefix + name, from: oid, to: undefined }], `delete tag ${name}`);
  return { name, moment };
}

/** A tag that reads like something else would never be found, or would hide it. */
function requireFree(name: string, stores: readonly string[]): void {
  const problem = !isRefName(name)
    ? 'cannot be the name of a tag'
    : name === 'latest' || name === 'HEAD'
      ? 'names a snapshot already'
      : stores.includes(name)
        ? 'is the name of a store'
        : /^[0-9a-f]{4,40}$/i.test(name)
          ? 'could be the beginning of an id'
          : undefined;
  if (problem === undefined) return;
  throw new TreekeeperError('usage', `${name} ${problem}`, {
    hint: 'take something like before-upgrade or release/42: no spaces, none of ~^:?*[\\',
  });
}
