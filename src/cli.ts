#!/usr/bin/env node
import { Builtins, Cli, type CommandClass } from 'clipanion';
import type { Context } from './commands/base.ts';
import { beforeDashes, explainMisuse, readArguments } from './commands/misuse.ts';
import { exitCodes } from './errors.ts';
import { openPrinter } from './report/printer.ts';
import { version } from './version.ts';

/** Each verb is a file of its own, and only the one that is asked for is loaded. Help lists them in this order. */
const verbs = {
  backup: async () => (await import('./commands/backup.ts')).BackupCommand,
  restore: async () => (await import('./commands/restore.ts')).RestoreCommand,
  apply: async () => (await import('./commands/apply.ts')).ApplyCommand,
  verify: async () => (await import('./commands/verify.ts')).VerifyCommand,
  status: async () => (await import('./commands/status.ts')).StatusCommand,
  diff: async () => (await import('./commands/diff.ts')).DiffCommand,
  log: async () => (await import('./commands/log.ts')).LogCommand,
  ls: async () => (await import('./commands/ls.ts')).LsCommand,
  show: async () => (await import('./commands/show.ts')).ShowCommand,
  find: async () => (await import('./commands/find.ts')).FindCommand,
  blame: async () => (await import('./commands/blame.ts')).BlameCommand,
  tag: async () => (await import('./commands/tag.ts')).TagCommand,
  dump: async () => (await import('./commands/dump.ts')).DumpCommand,
  doctor: async () => (await import('./commands/doctor.ts')).DoctorCommand,
  check: async () => (await import('./commands/check.ts')).CheckCommand,
  import: async () => (await import('./commands/import.ts')).ImportBurryCommand,
  init: async () => (await import('./commands/init.ts')).InitCommand,
  remote: async () => Object.values(await import('./commands/remote.ts')),
  keys: async () => Object.values(await import('./commands/keys.ts')),
  rekey: async () => (await import('./commands/rekey.ts')).RekeyCommand,
  push: async () => (await import('./commands/push.ts')).PushCommand,
  fetch: async () => (await import('./commands/fetch.ts')).FetchCommand,
  clone: async () => (await import('./commands/clone.ts')).CloneCommand,
  archive: async () => (await import('./commands/archive.ts')).ArchiveCommand,
  maintenance: async () => (await import('./commands/maintenance.ts')).MaintenanceCommand,
  completion: async () => (await import('./commands/completion.ts')).CompletionCommand,
  help: async () => (await import('./commands/help.ts')).HelpCommand,
  complete: async () => (await import('./commands/complete.ts')).CompleteCommand,
} as const;

async function loadVerbs(name?: string): Promise<CommandClass<Context>[]> {
  const known = name !== undefined && Object.hasOwn(verbs, name);
  const wanted = name === undefined ? Object.values(verbs) : known ? [verbs[name as keyof typeof verbs]] : [];
  return (await Promise.all(wanted.map((load) => load()))).flat();
}

// grpc-js names an IP address as a server's name to Node's TLS, which says on stderr that it will ignore that one day.
process.noDeprecation = true;

const args = readArguments(process.argv.slice(2));
const [verb = ''] = args;

const cli = new Cli<Context>({ binaryName: 'treekeeper', binaryVersion: version });
for (const command of await loadVerbs(verb)) cli.register(command);
cli.register(Builtins.VersionCommand);

/** The first signal stops the work where that is safe; a second one finds no handler and ends the process at once. */
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal));

/** Of a reader that went away, as `| head` does, no work ends but what was for it alone, and a status stays true. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`treekeeper: cannot write to stdout: ${error.message}\n  hint: what was done so far stands\n`);
  process.exit(exitCodes.failed);
});
process.stderr.on('error', () => {});

const context: Context = { ...Cli.defaultContext, directory: process.cwd(), signal: stop.signal, loadVerbs };
try {
  process.exitCode = await cli.run(cli.process(args, context), context);
} catch (thrown) {
  // clipanion itself would print this to stdout and exit with 1.
  openPrinter(context, { json: beforeDashes(args).includes('--json'), quiet: false }).fail(
    explainMisuse(thrown, args, Object.keys(verbs)),
  );
  process.exitCode = exitCodes.usage;
}
// What is not waited for any more, as the answer of a silent service, would keep the process.
if (stop.signal.aborted) process.stdout.write('', () => process.exit());
