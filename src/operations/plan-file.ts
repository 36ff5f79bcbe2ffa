import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Identity } from '../services/service.ts';
import { damagedPlan, decodePlan, encodePlan, type FiledStep, type PlanOrigin } from '../snapshot/plan-file.ts';
import { openSnapshot, type Snapshot } from '../snapshot/walk.ts';
import { version } from '../version.ts';
import { keepValues, openContents } from './contents.ts';
import { storeTrees } from './history.ts';
import type { OpenRepository } from './open.ts';
import {
  judgeAll,
  judgeMissing,
  nodesOf,
  type PlanOptions,
  type RestorePlan,
  type RestoreRequest,
} from './plan-restore.ts';
import { resolveRevision } from './revision.ts';
import { requireTrusted, type Trust } from './trust.ts';
import { collectWanted } from './wanted.ts';
import type { Wanted } from './wanted-nodes.ts';

/** So many characters are written at once. */
const writeSize = 256 * 1024;

/**
 * Writes a plan to a file that only its owner may read, whole or not at all, in place of what was there. Throws
 * `TreekeeperError('failed')`.
 */
export async function writePlan(path: string, origin: PlanOrigin, { steps }: RestorePlan): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      let text = '';
      for (const line of encodePlan(origin, steps, `treekeeper ${version}`)) {
        text += line;
        if (text.length < writeSize) continue;
        await file.writeFile(text);
        text = '';
      }
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new TreekeeperError('failed', `cannot write the plan: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Reads a plan. Throws as `decodePlan` does, and `TreekeeperError('usage')` where there is no such file. */
export function readPlan(path: string): ReturnType<typeof decodePlan> {
  return decodePlan(linesOf(path));
}

/**
 * The snapshot that a plan was made from. Throws `TreekeeperError('usage')` where this repository has it not, and
 * `'unsigned'` where nobody who is trusted signed it.
 */
export async function snapshotOf(
  { repository, reader }: OpenRepository,
  { snapshot, store, tree }: PlanOrigin,
  trust: Trust | undefined,
): Promise<Snapshot> {
  const moment = await resolveRevision(reader, repository, snapshot).catch((thrown: unknown) => {
    if (!(thrown instanceof TreekeeperError) || thrown.code === 'failed') throw thrown;
    throw new TreekeeperError('usage', `the plan is for the snapshot ${snapshot.slice(0, 10)}, which is not here`, {
      hint: 'name the repository that the plan was made from with --repo, or make the plan anew',
      cause: thrown,
    });
  });
  await requireTrusted(reader, moment.oid, trust);
  if ((await storeTrees(reader, moment)).get(store) !== tree) throw damagedPlan();
  return openSnapshot(store, tree, reader);
}

/** Throws `TreekeeperError('guard')` where a plan was made for another service than the one at hand. */
export function requireSameService({ source, cluster }: PlanOrigin, identity: Identity): void {
  if (cluster === undefined ? source === identity.source : cluster === identity.cluster) return;
  const [was, is] = [cluster ?? source, identity.cluster ?? identity.source];
  throw new TreekeeperError('guard', `the plan was made for ${source} (${was}), and this is another service (${is})`, {
    hint: 'nothing was created; make a plan for this one, with `restore --plan-out`',
  });
}

/**
 * The plan of a file, once more held against the snapshot: it creates nothing that is not there at that key, with these
 * contents, and what it creates is read and proven first. Throws `TreekeeperError('integrity')` where it would.
 */
export async function adoptPlan(
  request: RestoreRequest,
  filed: readonly FiledStep[],
  options: Pick<PlanOptions, 'signal'> = {},
): Promise<RestorePlan> {
  const { wanted, refused } = await collectWanted(request);
  const contents = openContents(request.snapshot, request.decryptor);
  const kept = keepValues(wanted.size);
  const unpaired = new Set(wanted.steps);
  let refusals = 0;
  for (const { verdict, key, value, attributes } of filed) {
    const step = wanted.find(key);
    const isSame = step && (step.entry.value?.oid ?? null) === value && step.entry.attributes === attributes;
    if (step && isSame && unpaired.delete(step)) step.verdict = verdict;
    else if (verdict === 'refused') refusals += 1;
    else throw damagedPlan();
  }
  for (const { onlyParent } of unpaired) if (!onlyParent) throw damagedPlan();
  if (refusals !== refused.length) throw damagedPlan();

  const steps = wanted.steps.filter((step) => !unpaired.has(step));
  const judge = async (step: Wanted) => {
    if (step.verdict !== 'create') return;
    await judgeMissing(step, request, contents, kept);
    if (step.verdict !== 'create') throw damagedPlan();
  };
  await judgeAll(steps, judge, options);
  return { steps: [...refused, ...steps], nodeOf: nodesOf(contents, kept) };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const text of createReadStream(path, 'utf8') as AsyncIterable<string>) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (thrown) {
    throw new TreekeeperError('usage', `cannot read the plan ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  if (rest !== '') yield rest;
}
