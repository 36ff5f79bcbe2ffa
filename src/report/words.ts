import { diffWordsWithSpace } from 'diff';
import type { Line, Part } from './lines.ts';

/** Longer lines are no longer read word by word. */
const longestLine = 200;

/** Marks the words that differ, where as many lines came as went and they are short and much the same. */
export function markWords(lines: readonly Line[]): Line[] {
  const result = [...lines];
  for (let start = 0; start < lines.length; start++) {
    const removed = run(lines, start, '-');
    const added = run(lines, start + removed, '+');
    for (let index = 0; removed === added && index < removed; index++) {
      const [was, is] = [lines[start + index], lines[start + removed + index]];
      const pair = was && is && markPair(was, is);
      if (pair) [result[start + index], result[start + removed + index]] = pair;
    }
    start += Math.max(0, removed + added - 1);
  }
  return result;
}

function run(lines: readonly Line[], start: number, sign: Line['sign']): number {
  let length = 0;
  while (lines[start + length]?.sign === sign) length += 1;
  return length;
}

function markPair(was: Line, is: Line): [Line, Line] | undefined {
  const [old, now] = [textOf(was), textOf(is)];
  if (old.length > longestLine || now.length > longestLine) return undefined;
  const words = diffWordsWithSpace(old, now);
  const common = words.reduce(
    (sum, { value, added, removed }) => (added || removed ? sum : sum + value.trim().length),
    0,
  );
  if (common * 3 < Math.min(old.length, now.length)) return undefined;

  const side = (other: 'added' | 'removed'): Part[] =>
    words
      .filter((word) => !word[other])
      .map(({ value, added, removed }) => ({ text: value, marked: added || removed }));
  return [
    { ...was, parts: side('added') },
    { ...is, parts: side('removed') },
  ];
}

function textOf({ parts }: Line): string {
  return parts.map(({ text }) => text).join('');
}
