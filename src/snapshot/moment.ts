import type { Oid } from './objects.ts';

/** `2026-11-24 06:02:11Z`. `time` is in seconds since 1970, as Git has it. */
export function formatTime(time: number): string {
  return `${new Date(time * 1000).toISOString().replace('T', ' ').slice(0, 19)}Z`;
}

/** An id as people read and type it. */
export function shortOid(oid: Oid): string {
  return oid.slice(0, 10);
}
