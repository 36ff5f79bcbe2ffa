import type { Outcome, Service, Unsettled } from '../services/service.ts';
import type { Node } from '../snapshot/node.ts';
import type { Step } from '../snapshot/plan.ts';
import type { RestorePlan } from './plan-restore.ts';

/** What became of one step of a plan that was to create a node. */
export interface Done {
  readonly step: Step;
  readonly outcome: Outcome;
}

export interface ApplyOptions {
  readonly signal?: AbortSignal;
  /** Called after each batch with what became of it. */
  readonly onDone?: (batch: readonly Done[]) => void;
}

/** A driver that answers less than it was asked has a defect; its nodes must not look done. */
const noAnswer: Outcome = { status: 'failed', reason: 'the driver gave no outcome' };

/** A batch is given to the driver when it has this many nodes, or values of this many bytes. */
const batchNodes = 2_000;
const batchBytes = 8 * 1024 * 1024;
/** Values in flight from the repository: enough to keep its reader busy, and fewer where those before were large. */
const [firstAhead, mostAhead] = [16, 128];

type Batch = readonly { readonly step: Step; readonly node: Node }[];

/**
 * Creates what a plan says is missing, parents first, and nothing else. The service decides at the last moment whether a
 * node is missing, so whatever appeared since the plan was made is kept, and told in the outcome. Interrupted at any
 * point, it can be planned and run again, and does the rest. Answers the nodes that it created and could not give all of
 * their attributes.
 */
export async function applyPlan(
  plan: RestorePlan,
  service: Service,
  { signal, onDone }: ApplyOptions = {},
): Promise<readonly Unsettled[]> {
  const batches = readBatches(plan);
  /** Everything so far, told in the order of the plan. */
  let told: Promise<void> = Promise.resolve();
  let hasFailed = false;
  try {
    for (let next = batches.next(); ; ) {
      const { value: batch } = await next;
      if (!batch) break;
      // The repository is read while the service creates. Where that fails, nobody waits for what was read.
      next = batches.next();
      next.catch(() => {});
      signal?.throwIfAborted();
      if (hasFailed) break;
      const before = told;
      told = tellAfter(before, create(batch));
      // It may fail before anybody waits for it.
      told.catch(() => {});
      // Where nothing hangs on what is above it, a service that answers has the next batch already.
      await (service.traits.parentsFirst ? told : before);
    }
    await told;
  } catch (thrown) {
    await told.catch(() => {});
    // What was created so far still gets its final attributes, where the service can be reached.
    await service.settle?.().catch(() => {});
    throw thrown;
  } finally {
    await batches.return(undefined);
  }
  return (await service.settle?.()) ?? [];

  async function create(batch: Batch): Promise<readonly Done[]> {
    const nodes = batch.map(({ node }) => node);
    const outcomes = await service.create(nodes, signal).catch((thrown: unknown) => {
      hasFailed = true;
      throw thrown;
    });
    return batch.map(({ step }, index) => ({ step, outcome: outcomes[index] ?? noAnswer }));
  }

  /** Also what was done beside a batch that failed is told. Rejects with what failed first. */
  async function tellAfter(before: Promise<void>, done: Promise<readonly Done[]>): Promise<void> {
    const [earlier, later] = await Promise.allSettled([before, done]);
    if (later.status === 'fulfilled') onDone?.(later.value);
    for (const result of [earlier, later]) if (result.status === 'rejected') throw result.reason;
  }
}

/** The nodes to create, in the order of the plan. */
async function* readBatches(plan: RestorePlan): AsyncGenerator<Batch, undefined> {
  let batch: { step: Step; node: Node }[] = [];
  let bytes = 0;
  let ahead = firstAhead;
  for (let start = 0; start < plan.steps.length; ) {
    const steps = plan.steps.slice(start, start + ahead).filter(({ verdict }) => verdict === 'create');
    start += ahead;
    if (steps.length === 0) continue;
    const next = await Promise.all(steps.map(async (step) => ({ step, node: await plan.nodeOf(step) })));
    let size = 0;
    for (const item of next) {
      const length = item.node.value?.length ?? 0;
      batch.push(item);
      size += length;
      bytes += length;
      if (batch.length < batchNodes && bytes < batchBytes) continue;
      yield batch;
      [batch, bytes] = [[], 0];
    }
    ahead = Math.max(1, Math.min(mostAhead, 2 * ahead, Math.floor((batchBytes * next.length) / (size + 1))));
  }
  if (batch.length > 0) yield batch;
}
