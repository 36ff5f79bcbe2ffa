import { readdirSync } from 'node:fs';
import { Command, type CommandClass } from 'clipanion';
import type { Context } from '../../src/commands/base.ts';

const folder = new URL('../../src/commands/', import.meta.url);

/** Every class of a verb that the source has. */
export async function verbClasses(): Promise<CommandClass<Context>[]> {
  const modules = await Promise.all(
    readdirSync(folder).map((file): Promise<object> => import(new URL(file, folder).pathname)),
  );
  return modules
    .flatMap((module) => Object.values(module))
    .filter((value) => typeof value === 'function' && value.prototype instanceof Command && value.paths);
}
