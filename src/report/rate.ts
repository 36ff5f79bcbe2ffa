import { count } from '../snapshot/message.ts';

/** How long, in milliseconds, a piece of progress stays on the screen before the next one. */
const shortest = 100;
/** Before that the rate says nothing of how long the rest takes. */
const shortestGuess = 1_000;

/**
 * Turns counts into lines such as `reading etcd-prod: 12,345 nodes (6,100/s)`, a few a second at most, so that showing
 * progress costs nothing; where it is known how many there will be, with how long the rest takes. `show` is the printer's.
 */
export function countRate(what: string, show: (text: string) => void, total?: number): (number: number) => void {
  const start = performance.now();
  let last = start;
  return (number) => {
    const now = performance.now();
    if (now - last < shortest) return;
    last = now;
    const rate = (number * 1000) / (now - start);
    const left =
      total !== undefined && now - start >= shortestGuess ? `, ${duration((total - number) / rate)} left` : '';
    const of = total === undefined ? '' : ` of ${count(total)}`;
    show(`${what}: ${count(number)}${of} nodes (${count(Math.round(rate))}/s${left})`);
  };
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** A time as people say it, to two units: `45 s`, `3 min 20 s`, `2 d 4 h`. */
export function duration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  if (!Number.isFinite(rest)) return 'a long time';
  const first = Math.max(
    0,
    units.findIndex(([, size]) => rest >= size),
  );
  const parts: string[] = [];
  for (const [name, size] of rest === 0 ? units.slice(-1) : units.slice(first, first + 2)) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number > 0 || parts.length === 0) parts.push(`${number} ${name}`);
  }
  return parts.join(' ');
}
