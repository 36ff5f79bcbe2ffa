import { expect, test } from 'vitest';
import { parseWhen } from '../../src/operations/when.ts';

/** A Tuesday; in local time, as people speak. */
const now = new Date(2026, 10, 24, 19, 40, 5).getTime();
const local = (...parts: [number, number, number, number?, number?, number?]) => new Date(...parts).getTime();

test.each([
  ['2 hours ago', now - 2 * 3_600_000],
  ['2.hours.ago', now - 2 * 3_600_000],
  ['an hour ago', now - 3_600_000],
  ['ten minutes ago', now - 600_000],
  ['3 days ago', local(2026, 10, 21, 19, 40, 5)],
  ['3 days ago 14:00', local(2026, 10, 21, 14)],
  ['1 month ago', local(2026, 9, 24, 19, 40, 5)],
  ['14:00', local(2026, 10, 24, 14)],
  ['23:00', local(2026, 10, 23, 23)],
  ['noon', local(2026, 10, 24, 12)],
  ['yesterday 14:00', local(2026, 10, 23, 14)],
  ['Yesterday at 2:30pm', local(2026, 10, 23, 14, 30)],
  ['last friday 9:15', local(2026, 10, 20, 9, 15)],
  ['Nov 1 14:00', local(2026, 10, 1, 14)],
  ['2026-11-01 14:00:30', local(2026, 10, 1, 14, 0, 30)],
  ['2026-11-01T14:00:00Z', Date.UTC(2026, 10, 1, 14)],
  ['2026-11-01 14:00:00Z', Date.UTC(2026, 10, 1, 14)],
  ['2026-11-01T14:00:00.25+02:00', Date.UTC(2026, 10, 1, 12, 0, 0, 250)],
])('%s is one moment', (text, moment) => {
  expect(parseWhen(text, now)).toEqual({ start: moment, end: moment });
});

test.each([
  ['today', local(2026, 10, 24), local(2026, 10, 25)],
  ['yesterday', local(2026, 10, 23), local(2026, 10, 24)],
  ['tuesday', local(2026, 10, 17), local(2026, 10, 18)],
  ['2026-11-01', local(2026, 10, 1), local(2026, 10, 2)],
  ['1 Nov 2026', local(2026, 10, 1), local(2026, 10, 2)],
  ['December 24', local(2025, 11, 24), local(2025, 11, 25)],
  ['2026-02', local(2026, 1, 1), local(2026, 2, 1)],
  ['2025', local(2025, 0, 1), local(2026, 0, 1)],
])('%s is as long as it says', (text, start, next) => {
  expect(parseWhen(text, now)).toEqual({ start, end: next - 1 });
});

test('now has everything, what a clock ahead of ours dated too', () => {
  expect(parseWhen('now', now)).toEqual({ start: now, end: Number.POSITIVE_INFINITY });
});

test.each(['main', 'v1', 'latest', 'may', '2026-02-30', '25:00', 'some days ago', '5b5c0489', ''])(
  '%s is no time',
  (text) => {
    expect(parseWhen(text, now)).toBeUndefined();
  },
);
