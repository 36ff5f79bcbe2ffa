#!/usr/bin/env node
import { Builtins, Cli } from 'clipanion';
import { BackupCommand } from './commands/backup.ts';
import type { Context } from './commands/base.ts';
import { CheckCommand } from './commands/check.ts';
import { DiffCommand } from './commands/diff.ts';
import { DumpCommand } from './commands/dump.ts';
import { InitCommand } from './commands/init.ts';
import { LogCommand } from './commands/log.ts';
import { LsCommand } from './commands/ls.ts';
import { RestoreCommand } from './commands/restore.ts';
import { ShowCommand } from './commands/show.ts';
import { exitCodes, reasonOf } from './errors.ts';
import { version } from './version.ts';

const cli = new Cli<Context>({ binaryLabel: 'treekeeper', binaryName: 'treekeeper', binaryVersion: version });
for (const command of [
  BackupCommand,
  RestoreCommand,
  DiffCommand,
  LogCommand,
  LsCommand,
  ShowCommand,
  DumpCommand,
  CheckCommand,
  InitCommand,
  Builtins.HelpCommand,
  Builtins.VersionCommand,
]) {
  cli.register(command);
}

/** The first signal stops the work where that is safe; a second one finds no handler and ends the process at once. */
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));

/** A reader that went away, as `treekeeper ls | head` does, is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? 0 : exitCodes.failed),
);

const context: Context = { ...Cli.defaultContext, directory: process.cwd(), signal: stop.signal };
try {
  process.exitCode = await cli.run(cli.process(process.argv.slice(2), context), context);
} catch (thrown) {
  // clipanion itself would print this to stdout and exit with 1.
  process.stderr.write(`treekeeper: ${reasonOf(thrown).trim()}\n`);
  process.exitCode = exitCodes.usage;
}
