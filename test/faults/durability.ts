import { statSync } from 'node:fs';
import { dirname, sep } from 'node:path';

/** What a trace says of files: one became durable, or a name came into a directory. */
type Event =
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'name'; readonly from: string | undefined; readonly to: string };

/** What may get lost (caches, reflogs, what git keeps for dumb transports), and what is gone at the end of a run. */
const passing = /\/treekeeper(\/|$)|\/tmp_objdir-|\.treekeeper-|\.lock$|\/logs(\/|$)|\/info(\/|$)|\/\.tmp-/;

/**
 * What a power cut could have undone, by the trace of a run (`strace -f -y`): a file that came into its place below
 * `directory` before its content was durable, a name that its directory was never made durable with, and a ref that moved
 * before what it names was durable.
 */
export function auditDurability(trace: string, directory: string): string[] {
  const found: string[] = [];
  const synced = new Set<string>();
  /** Names that are not durable yet, by their directory. */
  const loose = new Map<string, string[]>();

  for (const event of eventsIn(trace)) {
    if (event.kind === 'sync') {
      synced.add(event.path);
      loose.delete(event.path);
      continue;
    }
    const { from, to } = event;
    const isInPlace = to.startsWith(directory + sep) && !passing.test(to.slice(directory.length));
    if (from !== undefined && synced.has(from)) synced.add(to);
    if (!isInPlace) continue;
    if (from !== undefined && !synced.has(from) && !isDirectory(to))
      found.push(`${to} came into place before it was durable`);
    if (/\/(refs\/.*|packed-refs|HEAD)$/.test(to) && !isDirectory(to)) {
      for (const names of [...loose].filter(([path]) => path.includes('/objects')).map(([, all]) => all))
        found.push(`${to} moved before ${names} were durable`);
    }
    loose.set(dirname(to), [...(loose.get(dirname(to)) ?? []), to]);
  }
  for (const names of loose.values()) found.push(`${names} could vanish again`);
  return found;
}

function* eventsIn(trace: string): Generator<Event> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const [, start] = /^(.*) <unfinished \.\.\.>$/.exec(text) ?? [];
    if (start !== undefined) begun.set(thread, start);
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? [];
    const call = rest === undefined ? text : `${begun.get(thread) ?? ''}${rest}`;
    if (start !== undefined || !/\) += 0$/.test(call)) continue;

    const [, path] = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(call) ?? [];
    if (path !== undefined) yield { kind: 'sync', path };
    const names = [...call.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g)].map(
      ([, base, name = '']) => (name.startsWith('/') || base === undefined ? name : `${base}/${name}`),
    );
    const [first = '', second = first] = names.map((name) => name.replace('/./', '/'));
    if (/^(rename|link)/.test(call)) yield { kind: 'name', from: first, to: second };
    if (/^mkdir/.test(call)) yield { kind: 'name', from: undefined, to: first };
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
