import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';

/*
 * The fault campaign: `npm run test:faults`, or `npm run test:faults -- --long --seed 7 kills`. The results are kept
 * in results.md where all subjects ran.
 */
const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false }, seed: { type: 'string' } },
  allowPositionals: true,
});
if (values.long) process.env['FAULTS_LONG'] = '1';
if (values.seed !== undefined) process.env['FAULTS_SEED'] = values.seed;
if (positionals.length === 0) {
  process.env['FAULTS_RESULTS'] = 'test/faults/results.md';
  process.env['FAULTS_COMMAND'] = `npm run test:faults${values.long ? ' -- --long' : ''}`;
}

await startVitest('test', [...positionals], {
  root: '.',
  config: 'test/faults/vitest.config.ts',
  include: ['test/faults/*.faults.ts'],
  watch: false,
});
