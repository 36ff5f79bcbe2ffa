import { expect, test } from 'vitest';
import { TreekeeperError } from '../../src/errors.ts';
import type { RestorePlan } from '../../src/operations/plan-restore.ts';
import { applyPlan, type Done } from '../../src/operations/restore.ts';
import { openConsul } from '../../src/services/consul.ts';
import type { Outcome, Service } from '../../src/services/service.ts';
import { openZookeeper } from '../../src/services/zookeeper.ts';
import { node } from '../commands/stores.ts';

const nowhere = { endpoints: [], root: new Uint8Array(), timeout: 1_000 };

/** A plan of several batches, all of it to be created. */
const keys = Array.from({ length: 7_000 }, (_, index) => `n${index}`);
const plan: RestorePlan = {
  steps: keys.map((key) => ({
    verdict: 'create',
    key: Buffer.from(key),
    entry: { key: Buffer.from(key), value: null, attributes: undefined },
    reason: undefined,
  })),
  nodeOf: async ({ key }) => node(Buffer.from(key).toString(), 'x'),
};

/** A service that takes a while for each batch, the later ones less, and fails one of them. */
function slow(service: Service, failing = -1): { service: Service; most(): number } {
  let [begun, running, most] = [0, 0, 0];
  const create: Service['create'] = async (nodes) => {
    const number = begun++;
    running += 1;
    most = Math.max(most, running);
    for (let turns = 50 - 10 * number; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (number === failing) throw new TreekeeperError('unreachable', 'it does not answer');
    return nodes.map((): Outcome => ({ status: 'created' }));
  };
  return { service: { ...service, create }, most: () => most };
}

test('two batches at once where nothing hangs on another, told in the order of the plan', async () => {
  const { service, most } = slow(openConsul(nowhere));
  const told: Done[] = [];
  await applyPlan(plan, service, { onDone: (batch) => told.push(...batch) });
  expect(told.map(({ step }) => Buffer.from(step.key).toString())).toEqual(keys);
  expect(most()).toBe(2);
});

test('one batch after the other where a node needs the one above it', async () => {
  const { service, most } = slow(openZookeeper(nowhere));
  await applyPlan(plan, service);
  expect(most()).toBe(1);
});

test('where a batch fails, what was created beside it is told, and no other is begun', async () => {
  const { service } = slow(openConsul(nowhere), 1);
  const told: Done[] = [];
  await expect(applyPlan(plan, service, { onDone: (batch) => told.push(...batch) })).rejects.toMatchObject({
    code: 'unreachable',
  });
  expect(told.map(({ step }) => Buffer.from(step.key).toString())).toEqual(keys.slice(0, 2_000));
});
