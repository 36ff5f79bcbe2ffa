import { count } from '../snapshot/message.ts';

/** How long, in milliseconds, a piece of progress stays on the screen before the next one. */
const shortest = 100;

/**
 * Turns counts into lines such as `reading etcd-prod: 12,345 nodes (6,100/s)`, a few a second at most, so that showing
 * progress costs nothing. `show` is the printer's.
 */
export function countRate(what: string, show: (text: string) => void): (number: number) => void {
  const start = performance.now();
  let last = start;
  return (number) => {
    const now = performance.now();
    if (now - last < shortest) return;
    last = now;
    show(`${what}: ${count(number)} nodes (${count(Math.round((number * 1000) / (now - start)))}/s)`);
  };
}
