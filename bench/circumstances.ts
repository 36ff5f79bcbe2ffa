import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Service } from '../src/services/service.ts';
import type { Node } from '../src/snapshot/node.ts';

export const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, list: { type: 'boolean', default: false } },
  allowPositionals: true,
});

/** How often each work is measured. */
export const rounds = Number(values.rounds);

export const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A script of this folder, as a process. */
export const script = (name: string, ...args: string[]) => ({
  command: process.execPath,
  args: ['--import', 'tsx', here(name), ...args],
});

/** The built command line, as a process. */
export const treekeeper = (...args: string[]) => ({
  command: process.execPath,
  args: [here('../dist/cli.js'), ...args],
});

/** Creates nodes in a service, and closes it. */
export async function fill(open: Service, nodes: readonly Node[]): Promise<void> {
  await using service = open;
  for (let start = 0; start < nodes.length; start += 2_000) {
    const outcomes = await service.create(nodes.slice(start, start + 2_000));
    const failed = outcomes.find(({ status }) => status !== 'created');
    if (failed) throw new Error(`the bench could not be filled: ${JSON.stringify(failed)}`);
  }
}

/** How much the files below a directory hold, in words. */
export function treeSize(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

/** Empty servers one after another: to empty one of many nodes takes longer. `next` ends the one before. */
export function oneAfterAnother<Server extends AsyncDisposable>(start: () => Promise<Server>) {
  let current: Server | undefined;
  const end = async () => current?.[Symbol.asyncDispose]();
  return {
    async next() {
      await end();
      current = await start();
      return current;
    },
    [Symbol.asyncDispose]: end,
  };
}
