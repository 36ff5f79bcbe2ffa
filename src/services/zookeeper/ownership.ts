import { digestId, encodeText, mayCreate } from './acl.ts';
import { codes, isFailure } from './failure.ts';
import { type AclEntry, decodeWhoAmI, opCodes } from './records.ts';
import { openSession, type ZookeeperAddress } from './session.ts';

/** All rights for whoever creates the node; the server writes our own ids in its place. */
export const ownAcl: readonly AclEntry[] = [{ perms: 31, scheme: 'auth', id: '' }];

/** Who we are to the server. */
export interface Ownership {
  /** Whether an ACL is known to let us create children. */
  letsUsCreate(acl: readonly AclEntry[]): boolean;
  /** Whether `ownAcl` means anything: an anonymous client has no id that an ACL could name. */
  readonly isSomebody: boolean;
}

/** Asks the server, on a connection of its own: one before 3.7 closes it. Rejects with a `ZookeeperFailure`. */
export async function askOwnership(address: ZookeeperAddress): Promise<Ownership> {
  const { user, password = '' } = address;
  const known = await whoAmI(address);
  const isSuper = known.some(({ scheme }) => scheme === 'super');
  const ids = new Set(known.filter(({ scheme }) => scheme !== 'ip').map(({ scheme, user: id }) => `${scheme}:${id}`));
  if (user !== undefined) ids.add(`digest:${digestId(user, password)}`);

  return {
    isSomebody: ids.size > 0,
    letsUsCreate: (acl) =>
      isSuper ||
      acl.some(
        ({ perms, scheme, id }) =>
          (perms & mayCreate) !== 0 && ((scheme === 'world' && id === 'anyone') || ids.has(`${scheme}:${id}`)),
      ),
  };
}

async function whoAmI(address: ZookeeperAddress): Promise<{ readonly scheme: string; readonly user: string }[]> {
  const session = openSession(address);
  try {
    return await session.call(
      { op: opCodes.whoAmI, encode: () => {}, decode: decodeWhoAmI, repeatable: true },
      undefined,
    );
  } catch (thrown) {
    if (!isFailure(thrown, codes.unimplemented)) throw thrown;
    return address.user === undefined ? [] : [{ scheme: 'digest', user: encodeText(address.user) }];
  } finally {
    await session.close();
  }
}
