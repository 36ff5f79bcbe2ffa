import { expect, test } from 'vitest';
import { restartedCounters } from '../../src/operations/counters.ts';
import type { Step } from '../../src/snapshot/plan.ts';

const step = (verdict: Step['verdict'], name: string): Step => {
  const key = Buffer.from(name);
  return { verdict, key, entry: { key, value: null, attributes: undefined }, reason: undefined };
};
const keys = (steps: readonly Step[], digits: number | undefined) =>
  restartedCounters(steps, digits).map((key) => Buffer.from(key).toString());

test('a parent that is created anew counts its children from 0 again, whatever numbers they have', () => {
  const plan = [
    step('create', '/queue'),
    step('create', '/queue/job-0000000041'),
    step('same', '/locks'),
    step('create', '/locks/lock-0000000007'),
    step('create', '/plain'),
    step('create', '/plain/2026-11-24'),
    step('create', '/dates/12345678901x'),
  ];
  expect(keys(plan, 10)).toEqual(['/queue']);
  expect(keys(plan, undefined)).toEqual([]);
  expect(keys([step('create', '/'), step('create', '/job-0000000001')], 10)).toEqual(['/']);
});
