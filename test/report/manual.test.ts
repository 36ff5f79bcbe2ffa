import { expect, test } from 'vitest';
import { exitCodes } from '../../src/errors.ts';
import { exitMeanings, formatOverview, formatVerb, type Verb } from '../../src/report/manual.ts';

const verb: Verb = {
  path: ['restore'],
  category: 'Snapshots',
  summary: 'create in a service what is missing from a snapshot, and nothing else at all',
  paragraphs: ['One paragraph of some length, which has to be folded where the terminal is narrow.'],
  exits: [['0', 'done']],
  examples: [['See what is missing', 'treekeeper restore latest dir:x -n']],
  positionals: [{ name: 'SNAPSHOT', required: true, repeated: false }],
  flags: [{ names: ['-n', '--dry-run'], value: undefined, bound: false, description: 'Stop after the plan' }],
};

test.each([40, 80, 200])('help fits into %i columns, but for what cannot be cut', (width) => {
  const manual = { version: '1.0.0', verbs: [verb], flags: verb.flags };
  for (const text of [formatOverview(manual, width), formatVerb(verb, width)]) {
    const long = text.split('\n').filter((line) => line.length > width && line.trim().includes(' '));
    expect(long.filter((line) => !/^usage: |^ +treekeeper /.test(line))).toEqual([]);
  }
});

test('every exit status has its meaning', () => {
  const told = exitMeanings.flatMap(([statuses]) => statuses.split(', ').map(Number));
  expect(told).toEqual([0, ...Object.values(exitCodes)]);
});
