import { Command, Option } from 'clipanion';
import { exitCodes } from '../errors.ts';
import type { BackupResult } from '../operations/backup.ts';
import type { Guard } from '../operations/guards.ts';
import type { Repository } from '../operations/open.ts';
import type { KnownRemote } from '../operations/remotes.ts';
import { changeLine, formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { countRate } from '../report/rate.ts';
import { kindOf } from '../snapshot/diff.ts';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class BackupCommand extends BaseCommand {
  static override paths = [['backup']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'make one snapshot of a service',
    details: `
      Reads the service and commits its tree where anything changed. The repository is made when it is missing. Nodes that
      cannot be read stand as they were in the snapshot before, and the commit says so.

      SERVICE is a URL (\`etcd://HOST:PORT/PREFIX\`, \`dir:PATH\`; \`etcd+tls://\` for TLS) or a store of the configuration.

      Exit status: 0 done, also where nothing changed; 3 some nodes could not be read; 6 a push failed; 11 another run holds the
      repository; 13 a recipient cannot be encrypted to; 14 the key that is to sign cannot; 15 the service cannot be reached or refuses the credentials; 16 the service does not look like the one
      that the store was made from.
    `,
    examples: [
      ['Back up an etcd below one prefix', '$0 backup etcd://127.0.0.1:2379/app'],
      ['Back up a directory into the store nginx', '$0 backup dir:/etc/nginx --store nginx'],
      ['See what a snapshot would change', '$0 backup etcd://127.0.0.1:2379 -n'],
    ],
  });

  service = Option.String({ name: 'SERVICE' });
  store = Option.String('--store', {
    description: 'The store in the repository (else its name in the configuration, or the kind of service)',
  });
  branch = Option.String('--branch', { description: 'The branch (else the one that HEAD of the repository names)' });
  include = Option.Array('--include', { description: 'Only keys that match this glob; may be repeated' });
  exclude = Option.Array('--exclude', { description: 'No keys that match this glob; may be repeated' });
  ephemeral = Option.String('--ephemeral', {
    description: 'Nodes that belong to running clients: skip (default) or record',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'Show what would change, and write nothing' });
  push = Option.Boolean('--push', {
    description: 'Push to all remotes (else to those that have push: true in the configuration)',
  });
  otherSource = Option.Boolean('--allow-other-source', false, {
    description: 'Also where the service is another cluster than before',
  });
  olderSource = Option.Boolean('--allow-older-source', false, {
    description: 'Also where the revision of the service went backwards',
  });
  massRemoval = Option.Boolean('--allow-mass-removal', false, {
    description: 'Also where all nodes are gone, or most and more than 100',
  });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ connect, overridePolicy, storeName }, { backup }, { openForBackup }] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/backup.ts'),
      import('../operations/open.ts'),
    ]);
    const source = await connect(this.service, surroundings);
    await using service = source.service;
    const store = this.store === undefined ? source.store : storeName(this.store);
    const policy = overridePolicy(source.policy, this);

    const opened = await openForBackup(repositoryPath, this.branch, this.dryRun, surroundings);
    const { repository } = opened;
    if (opened.created) printer.note(`made the repository ${repositoryPath}`);
    for (const warning of opened.warnings) printer.warn(warning);

    const remotes = this.dryRun ? [] : await this.targets(repository, surroundings);

    const onProgress = countRate(`reading ${store}`, printer.progress);
    const result = await backup(
      repository,
      { store, service, policy },
      {
        dryRun: this.dryRun,
        overridden: this.overridden(),
        decryptor: surroundings.unattendedDecryptor,
        signal,
        onProgress,
      },
    );
    report(result, repository.branch, printer);
    const isIncomplete = result.unreadable.length > 0 || result.report.hidden !== undefined;
    const isSafe = remotes.length === 0 || (await this.pushTo(remotes, repository, result, printer, signal));
    if (result.status === 'created') await this.keepUp(repository, printer);
    return isIncomplete ? exitCodes.incomplete : isSafe ? undefined : exitCodes.push;
  }

  /** The remotes that the snapshot is to be pushed to. With --push there has to be one. */
  private async targets(
    repository: Repository,
    surroundings: Session['surroundings'],
  ): Promise<readonly KnownRemote[]> {
    // Remotes that get every backup are those of the configuration: without any, nothing is loaded and no git is started.
    const mayPush = this.push ?? surroundings.config?.remotes.some(({ push }) => push) ?? false;
    if (!mayPush) return [];
    const { listRemotes, someRemote } = await import('../operations/remotes.ts');
    const remotes = await listRemotes(repository, surroundings);
    return this.push ? someRemote(remotes) : remotes.filter(({ push }) => push);
  }

  /** Answers whether all of them have everything. */
  private async pushTo(
    remotes: readonly KnownRemote[],
    repository: Repository,
    { commit, report }: BackupResult,
    printer: Printer,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { pushAll } = await import('./push-report.ts');
    return pushAll(repository, remotes, printer, signal, commit === undefined ? undefined : { commit, report });
  }

  private async keepUp(repository: Repository, printer: Printer): Promise<void> {
    const { keepUp } = await import('../operations/keep-up.ts');
    const problem = await keepUp(repository);
    if (problem !== undefined) printer.note(`the packs of the repository could not be joined: ${problem}`);
  }

  private overridden(): ReadonlySet<Guard> {
    const flags: readonly (readonly [boolean, Guard])[] = [
      [this.otherSource, 'other-source'],
      [this.olderSource, 'older-source'],
      [this.massRemoval, 'mass-removal'],
    ];
    return new Set(flags.flatMap(([set, guard]) => (set ? [guard] : [])));
  }
}

function report(
  { status, commit, report, resealed, changes, unreadable, unrestorable, advice, warnings }: BackupResult,
  branch: string,
  printer: Printer,
): void {
  for (const change of changes)
    printer.print({ type: 'change', change: kindOf(change), key: change.key }, changeLine(change));
  for (const { key, reason } of unreadable) {
    printer.print(
      { type: 'unreadable', key, reason },
      `unreadable, kept as it was: ${formatKey(key) || 'the root'} (${reason})`,
    );
  }
  for (const { key, reason } of unrestorable) printer.print({ type: 'unrestorable', key, reason }, undefined);

  // Also for whoever throws stdout away, as a cron job does.
  if (unreadable.length > 0) printer.warn(`incomplete: ${count(unreadable.length)} unreadable, listed on stdout`);
  if (report.hidden !== undefined) printer.warn(`incomplete: ${report.hidden}; what is not shown is kept as it was`);

  const { store, added, changed, removed, nodes, consistency, revision, skipped } = report;
  const counts = `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed (${count(nodes)} nodes)`;
  const where = `${commit?.slice(0, 10)} on ${branch.replace('refs/heads/', '')}`;
  const head = {
    created: `${store}: ${counts}\nsnapshot ${where}, `,
    unchanged: `${store}: no change (${count(nodes)} nodes)\nstill ${where}, `,
    planned: `${store}: ${counts}, if it were not a dry run\n`,
  }[status];
  const at = revision === undefined ? consistency : `${consistency} at revision ${revision}`;
  const left = [...skipped].map(([reason, number]) => `, ${count(number)} ${reason} skipped`).join('');
  printer.print({ type: 'backup', status, commit, ...report, ...resealed }, `${head}${at}${left}`);
  if (resealed.rekeyed > 0) {
    printer.note(
      `${count(resealed.rekeyed)} values are encrypted by other rules now; what lies in the history stays readable to whom it was`,
    );
  }
  if (resealed.reencrypted > 0) {
    printer.note(
      `${count(resealed.reencrypted)} values were encrypted anew, since nothing here told whether they changed (--key-file would)`,
    );
  }
  const [first] = unrestorable;
  if (first && status !== 'unchanged') {
    const others = unrestorable.length > 1 ? ` and ${count(unrestorable.length - 1)} more` : '';
    printer.warn(`${formatKey(first.key)}${others} cannot be restored from this snapshot: ${first.reason}`);
  }
  for (const warning of [...warnings, ...(advice === undefined ? [] : [advice])]) printer.warn(warning);
}
