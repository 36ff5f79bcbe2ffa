import { fileURLToPath } from 'node:url';
import type { Service } from '../src/services/service.ts';
import type { Node } from '../src/snapshot/node.ts';

/** How often each work is measured: BENCH_ROUNDS. */
export const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);

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
