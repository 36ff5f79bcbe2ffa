import type { Outcome } from '../service.ts';
import { decodeText, isSameAcl } from './acl.ts';
import type { Operation } from './calls.ts';
import { codes, isFailure, textOf, ZookeeperFailure } from './failure.ts';
import { parentPath } from './paths.ts';
import { pipelinedReads, type Reads, readAcls } from './reads.ts';
import {
  type AclEntry,
  type Creation,
  decodeAcl,
  decodeMulti,
  encodeCreate,
  encodeMultiEnd,
  encodeOp,
  opCodes,
  type Result,
} from './records.ts';
import type { Session } from './session.ts';

/** A node to create: `acl` from the first moment, and `finalAcl` once its children are there. */
export interface Planned extends Creation {
  readonly finalAcl: readonly AclEntry[];
}

const mostOps = 300;
/** A request is at most `jute.maxbuffer`, 1 MiB by default; a server that gets more closes the connection without a word. */
const mostBytes = 512 * 1024;
const suspiciousBytes = 900_000;
const inFlight = 8;

/**
 * Creates every node that is missing, in the order given, and compares those that exist. Many go in one transaction; where
 * one of them cannot be created, each of that transaction is tried alone. Rejects with a `ZookeeperFailure` where the
 * service cannot be reached any more.
 */
export async function createNodes(
  session: Session,
  planned: readonly Planned[],
  signal: AbortSignal | undefined,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const underWay: Promise<void>[] = [];
  let before: Promise<void> = Promise.resolve();

  for (const batch of split(planned)) {
    signal?.throwIfAborted();
    const sent = sendTogether(session, batch);
    // Nobody waits for it where a batch before it fails.
    sent.catch(() => {});
    // A batch that has to be tried again waits for those before it: the parents of its nodes may be in them.
    before = before.then(async () => {
      outcomes.push(...(await finish(session, batch, await sent)));
    });
    before.catch(() => {});
    underWay.push(before);
    if (underWay.length >= inFlight) await underWay.shift();
  }
  await before;
  return outcomes;
}

function split(planned: readonly Planned[]): Planned[][] {
  const batches: Planned[][] = [];
  let bytes = 0;
  for (const node of planned) {
    const size = sizeOf(node);
    const last = batches.at(-1);
    const fits = last && last.length < mostOps && bytes + size <= mostBytes;
    if (fits) last.push(node);
    else batches.push([node]);
    bytes = fits ? bytes + size : size;
  }
  return batches;
}

const createTogether: Operation<readonly Planned[], Result<string>[]> = {
  op: opCodes.multi,
  encode(writer, batch) {
    for (const node of batch) encodeCreate(encodeOp(writer, opCodes.create), node);
    encodeMultiEnd(writer);
  },
  decode: (reader) => decodeMulti(reader, () => reader.string()),
  repeatable: false,
};

const create: Operation<Planned, void> = {
  op: opCodes.create,
  encode: encodeCreate,
  decode: () => {},
  repeatable: false,
};

function sizeOf({ path, data, acl }: Planned): number {
  const entries = acl.reduce((size, { scheme, id }) => size + 12 + scheme.length + id.length, 0);
  return 32 + path.length + (data?.length ?? 0) + entries;
}

/** `created`, or why all of it was rolled back; `lost` where nobody knows. */
type Sent = 'created' | 'refused' | 'lost';

async function sendTogether(session: Session, batch: readonly Planned[]): Promise<Sent> {
  try {
    const results = await session.call(createTogether, batch);
    return results.length === batch.length && results.every(({ error }) => error === codes.ok) ? 'created' : 'refused';
  } catch (thrown) {
    if (isFailure(thrown, codes.lost)) return 'lost';
    if (thrown instanceof ZookeeperFailure && !isFatal(thrown)) return 'refused';
    throw thrown;
  }
}

async function finish(session: Session, batch: readonly Planned[], sent: Sent): Promise<Outcome[]> {
  if (sent === 'created') return batch.map(() => ({ status: 'created' }));
  if (sent === 'lost') return await inDoubt(session, batch);

  const results = await Promise.all(batch.map((node) => createAlone(session, node)));
  // Whatever the connection took with it is found out about one by one.
  const first = results.indexOf(codes.lost);
  const known = first === -1 ? batch : batch.slice(0, first);
  const outcomes = await judge(session, known, results, false);
  return first === -1 ? outcomes : [...outcomes, ...(await inDoubt(session, batch.slice(first)))];
}

/**
 * One after the other, since one of them may be what the server closes the connection for. What exists now, exactly as it
 * was to be, was created by the request whose answer was lost, or might as well have been.
 */
async function inDoubt(session: Session, batch: readonly Planned[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const node of batch) {
    let result = await createAlone(session, node);
    if (result === codes.lost) result = await createAlone(session, node, (reason) => tooLarge(node, reason));
    outcomes.push(...(await judge(session, [node], [result], true)));
  }
  return outcomes;
}

/** Answers the code, `codes.lost` included unless `onLost` says otherwise. */
async function createAlone(
  session: Session,
  node: Planned,
  onLost: (reason: ZookeeperFailure) => number = ({ code }) => code,
): Promise<number> {
  try {
    await session.call(create, node);
    return codes.ok;
  } catch (thrown) {
    if (isFailure(thrown, codes.lost)) return onLost(thrown);
    if (thrown instanceof ZookeeperFailure && !isFatal(thrown)) return thrown.code;
    throw thrown;
  }
}

/** It is about the connection, and not about the node. */
function isFatal({ code }: ZookeeperFailure): boolean {
  return code === codes.unreachable || code === codes.authFailed || code === codes.sessionRequiresAuth;
}

/** ZooKeeper has no code for this: it closes the connection. */
const tooLargeCode = 2;

function tooLarge({ data }: Planned, reason: ZookeeperFailure): number {
  if ((data?.length ?? 0) < suspiciousBytes) throw reason;
  return tooLargeCode;
}

async function judge(
  session: Session,
  nodes: readonly Planned[],
  results: readonly number[],
  mayBeOurs: boolean,
): Promise<Outcome[]> {
  // Whether we may create a node is looked at before whether it exists.
  const mayExist = (index: number) => results[index] === codes.nodeExists || results[index] === codes.noAuth;
  const existing = nodes.filter((_, index) => mayExist(index));
  const compared = existing.length > 0 ? await compare(session, pipelinedReads, existing, mayBeOurs) : [];
  let next = 0;
  return nodes.map((node, index) => {
    const code = results[index] ?? codes.lost;
    if (code === codes.ok) return { status: 'created' };
    const found = mayExist(index) ? compared[next++] : undefined;
    if (found && (code === codes.nodeExists || found.status !== 'failed')) return found;
    return { status: 'failed', reason: reasonFor(code, node) };
  });
}

function reasonFor(code: number, { path, data }: Planned): string {
  if (code === codes.noNode) return `its parent ${decodeText(parentPath(path))} is not there`;
  if (code === codes.noAuth) return 'no permission to create it below its parent';
  if (code === tooLargeCode) return `${data?.length} bytes are more than the server takes (jute.maxbuffer)`;
  return textOf(code);
}

async function compare(
  session: Session,
  reads: Reads,
  existing: readonly Planned[],
  mayBeOurs: boolean,
): Promise<Outcome[]> {
  const paths = existing.map(({ path }) => path);
  const [found, acls] = await Promise.all([reads.data(session, paths), readAcls(session, paths, decodeAcl)]);
  return existing.map(({ data, acl, finalAcl }, index): Outcome => {
    const there = found[index]?.answer;
    const itsAcl = acls[index]?.answer;
    if (!there || !itsAcl) return { status: 'failed', reason: 'it exists, and may not be read' };
    const its = there.data;
    const hasSameData = data === null || its === null ? data === its : Buffer.compare(data, its) === 0;
    if (mayBeOurs && hasSameData && isOurs(itsAcl, acl)) return { status: 'created' };
    return { status: 'exists', same: hasSameData && isSameAcl(itsAcl, finalAcl) };
  });
}

/** The server puts our own ids in the place of the scheme `auth`. */
function isOurs(found: readonly AclEntry[], sent: readonly AclEntry[]): boolean {
  const [first] = sent;
  if (first?.scheme !== 'auth') return isSameAcl(found, sent);
  return found.every(({ scheme, perms }) => scheme !== 'world' && perms === first.perms);
}
