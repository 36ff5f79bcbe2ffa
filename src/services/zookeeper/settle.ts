import { isSameAcl } from './acl.ts';
import type { Operation } from './calls.ts';
import type { Planned } from './create.ts';
import { codes, textOf, ZookeeperFailure } from './failure.ts';
import { readAcls } from './reads.ts';
import { type AclEntry, decodeAcl, encodeSetAcl, opCodes } from './records.ts';
import type { Session } from './session.ts';

/** The ACL of a node was changed since it was created. */
const badVersion = -103;

/**
 * Gives nodes that were created with `ownAcl` their final one. A node whose ACL is not ours any more was changed, or made
 * anew, by somebody else, and is left alone. Answers the reasons of those that could not be settled, by path. Rejects with
 * a `ZookeeperFailure` where the service cannot be reached any more.
 */
export async function settleAcls(session: Session, nodes: readonly Planned[]): Promise<Map<string, string>> {
  const unsettled = new Map<string, string>();
  const before = await readAcls(
    session,
    nodes.map(({ path }) => path),
    decodeAcl,
  );
  await Promise.all(
    nodes.map(async (node, index) => {
      const acl = before[index]?.answer;
      const reason = acl && isOwn(acl) ? await setAcl(session, node) : 'it was changed by somebody else meanwhile';
      if (reason !== undefined) unsettled.set(node.path, reason);
    }),
  );
  return unsettled;
}

const giveFinalAcl: Operation<Planned, void> = {
  op: opCodes.setAcl,
  encode: (writer, { path, finalAcl }) => encodeSetAcl(writer, path, finalAcl, 0),
  decode: () => {},
  repeatable: true,
};

async function setAcl(session: Session, node: Planned): Promise<string | undefined> {
  const { path, finalAcl } = node;
  try {
    await session.call(giveFinalAcl, node);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ZookeeperFailure) || thrown.code === codes.unreachable) throw thrown;
    // A request that was sent again after the connection was lost may have been carried out the first time.
    const [now] = thrown.code === badVersion ? await readAcls(session, [path], decodeAcl) : [];
    return now?.answer && isSameAcl(now.answer, finalAcl) ? undefined : textOf(thrown.code);
  }
}

function isOwn(acl: readonly AclEntry[]): boolean {
  return acl.every(({ scheme, perms }) => scheme !== 'world' && perms === 31);
}
