import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

const fetched = fileURLToPath(new URL('../../.servers/root/usr/bin', import.meta.url));

/** The path of a server's program, on PATH or where fetch.sh put it; `undefined` where there is none. */
export function findBinary(name: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), fetched]
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

/** The same for a program that is known to be there. */
export function binary(name: string): string {
  const path = findBinary(name);
  if (path === undefined) throw new Error(`there is no ${name}; run test/servers/fetch.sh`);
  return path;
}

/** `describe` for tests that need these programs. */
export function describeWith(...programs: readonly string[]): typeof describe | typeof describe.skip {
  const missing = programs.filter((program) => findBinary(program) === undefined);
  if (missing.length === 0) return describe;
  return withoutTests(missing.join(', '), 'put it on PATH, or run test/servers/fetch.sh on Debian');
}

/**
 * `describe` where something is missing that the tests need: they are skipped, and a line says so; with REQUIRE_SERVERS=1
 * they fail instead, since a suite that is skipped unnoticed is no suite.
 */
export function withoutTests(missing: string, advice: string): typeof describe.skip {
  if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(`the tests need ${missing}: ${advice}`);
  console.warn(`skipped, since there is no ${missing}: ${advice}`);
  return describe.skip;
}

/** The same for programs of the distribution that fetch.sh does not bring: without them the tests are skipped, always. */
export function describeWithTools(...programs: readonly string[]): typeof describe | typeof describe.skip {
  const missing = programs.filter((program) => findBinary(program) === undefined);
  if (missing.length === 0) return describe;
  console.warn(`skipped, since there is no ${missing.join(', ')} on PATH`);
  return describe.skip;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
