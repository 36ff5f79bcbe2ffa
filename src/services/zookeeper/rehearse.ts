import { decodeText, openAcl } from './acl.ts';
import type { Operation } from './calls.ts';
import { codes, textOf } from './failure.ts';
import { parentPath } from './paths.ts';
import { decodeMulti, encodeCheck, encodeCreate, encodeMultiEnd, encodeOp, opCodes, type Result } from './records.ts';
import type { Session } from './session.ts';

/** No node is changed so often; the check of it undoes what comes before it. */
const impossibleVersion = 0x7fffffff;

const rehearsal: Operation<string, Result<void>[]> = {
  op: opCodes.multi,
  encode(writer, path) {
    encodeCreate(encodeOp(writer, opCodes.create), { path, data: null, acl: openAcl });
    encodeCheck(encodeOp(writer, opCodes.check), '/', impossibleVersion);
    encodeMultiEnd(writer);
  },
  decode: (reader) => decodeMulti(reader, () => {}),
  repeatable: true,
};

/**
 * Why a node could not be created at a path, or `undefined` where it could. The server is asked to create it together with
 * something that cannot succeed, so that it looks at our rights and then creates nothing. Rejects with a `ZookeeperFailure`.
 */
export async function rehearseCreation(session: Session, path: string): Promise<string | undefined> {
  const [created] = await session.call(rehearsal, path);
  const code = created?.error ?? codes.ok;
  if (code === codes.ok || code === codes.nodeExists) return undefined;
  const parent = decodeText(parentPath(path));
  if (code === codes.noNode) return `${parent} is not there`;
  return code === codes.noAuth ? `no permission to create nodes below ${parent}` : textOf(code);
}
