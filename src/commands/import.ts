import { dirname, relative, resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import { exitCodes, TreekeeperError } from '../errors.ts';
import type { BurryKind, Finding, Imported, Refused } from '../operations/import-burry.ts';
import { escapeText, formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import { formatTime, shortOid } from '../snapshot/moment.ts';
import { BaseCommand, type Session } from './base.ts';

const kinds: readonly string[] = ['zookeeper', 'etcd', 'consul'];

export class ImportBurryCommand extends BaseCommand {
  static override paths = [['import', 'burry']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'make snapshots of archives that burry made, with their dates',
    details: `
      PATH is an archive, a directory with archives in it (however deep, and whatever they are called), or a \`.burryfest\`.
      Every archive becomes a snapshot at the time at which it was made, oldest first, in a repository that is made where it
      is missing. What is there already is left alone, so it can be run again. A history does not run backwards: archives that
      are older than the last snapshot go into another repository (--repo), or onto a branch of their own (--branch).

      Nothing is unpacked to the disk. What is damaged, and what burry's way of writing leaves open, is told file by file. burry
      saved no ACLs, no flags and no empty directories, and ephemeral nodes as if they were ordinary ones.

      A \`.burryfest\` becomes a treekeeper.yaml in the working directory, unless there is one; without the credentials, which
      were those of its storage target.

      Exit status: 0 done; 1 there is nothing to import; 3 something could not be read, was ambiguous or could not be imported.
    `,
    examples: [
      ['Everything that burry left in a directory', '$0 import burry /var/backups/burry --repo ./snapshots.git'],
      ['What is in an archive?', '$0 import burry 1483193387.zip -n'],
    ],
  });

  places = Option.Rest({ name: 'PATH', required: 1 });
  store = Option.String('--store', { description: 'The store in the repository (else the kind of service)' });
  branch = Option.String('--branch', { description: 'The branch (else the one that HEAD of the repository names)' });
  kind = Option.String('--kind', { description: 'The kind of service, for archives that do not tell' });
  massRemoval = Option.Boolean('--allow-mass-removal', false, {
    description: 'Also archives in which most nodes of the one before are gone',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'Read the archives, and write nothing' });

  protected override async run(session: Session): Promise<number | undefined> {
    const { findBurryFiles } = await import('../operations/import-burry.ts');
    const { archives, manifests } = await findBurryFiles(
      this.places.map((path) => resolve(this.context.directory, path)),
    );
    if (archives.length + manifests.length === 0) {
      throw new TreekeeperError('failed', 'there is no archive of burry here', {
        hint: 'an archive is a zip file, as 1483193387.zip',
      });
    }
    const tally = { imported: 0, present: 0, refused: 0, findings: 0 };
    for await (const outcome of archives.length === 0 ? [] : await this.outcomes(archives, session)) {
      report(outcome, tally, session.printer);
    }
    for (const manifest of manifests) await this.importManifest(manifest, session);
    if (archives.length > 0) summarize(tally, this.dryRun, session.printer);
    return tally.refused + tally.findings > 0 ? exitCodes.incomplete : undefined;
  }

  private async outcomes(
    archives: readonly string[],
    { printer, repositoryPath, surroundings, signal }: Session,
  ): Promise<AsyncIterable<Imported | Refused>> {
    const [{ importArchives, openForImport }, { readArchives }, { storeName }] = await Promise.all([
      import('../operations/import-burry.ts'),
      import('../operations/import-preview.ts'),
      import('../operations/connect.ts'),
    ]);
    const store = this.store === undefined ? undefined : storeName(this.store);
    const overridden = new Set(this.massRemoval ? (['mass-removal'] as const) : []);
    const onProgress = countRate('importing', printer.progress);
    const options = { store, kind: this.burryKind(), overridden, signal, onProgress };
    if (this.dryRun) return readArchives(archives, options);
    const { repository, created, warnings } = await openForImport(repositoryPath, this.branch, surroundings);
    for (const warning of warnings) printer.warn(warning);
    if (created) printer.note(`made the repository ${repositoryPath}`);
    return importArchives(repository, archives, surroundings, options);
  }

  private burryKind(): BurryKind | undefined {
    if (this.kind === undefined || kinds.includes(this.kind)) return this.kind as BurryKind | undefined;
    throw new TreekeeperError('usage', `--kind ${this.kind} is none of ${kinds.join(', ')}`);
  }

  private async importManifest(path: string, { printer, repositoryPath }: Session): Promise<void> {
    const { importManifest, writeConfig } = await import('../operations/import-manifest.ts');
    const target = resolve(this.context.directory, 'treekeeper.yaml');
    const repository = relative(dirname(target), repositoryPath);
    const { config, store, service, notes } = await importManifest(path, this.store, repository);
    const written = !this.dryRun && (await writeConfig(target, config));
    const where = written ? `wrote ${target}` : `this would be the configuration (${target} is left as it is)`;
    printer.print(
      { type: 'configuration', path: written ? target : null, store, service, config },
      written ? `${where} from ${path}` : `${where}:\n${config.trimEnd()}`,
    );
    for (const note of notes) printer.warn(note);
  }
}

type Tally = { imported: number; present: number; refused: number; findings: number };

function report(outcome: Imported | Refused, tally: Tally, printer: Printer): void {
  if ('error' in outcome) {
    tally.refused += 1;
    printer.fail(outcome.error);
    return;
  }
  const { path, id, time, store, findings, unreadable, status, commit, counts, nodes } = outcome;
  for (const finding of findings) reportFinding(id, finding, printer);
  for (const { key, reason } of unreadable) {
    printer.print(
      { type: 'unreadable', archive: id, key, reason },
      `unreadable in ${id}: ${formatKey(key)} (${reason})`,
    );
  }
  for (const warning of outcome.warnings) printer.warn(warning);
  tally.findings += findings.length + unreadable.length;
  tally[status === 'present' ? 'present' : 'imported'] += 1;

  const date = new Date(time * 1000).toISOString();
  const { added, changed, removed } = counts;
  const told = {
    present: 'in the repository already',
    unchanged: `no change (${count(nodes)} nodes)`,
    planned: `${count(nodes)} nodes`,
    created: `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed (${count(nodes)} nodes)`,
  }[status];
  const where = commit === undefined ? '' : `${shortOid(commit)}  `;
  printer.print(
    { type: 'imported', archive: id, path, time: date, store, status, commit, added, changed, removed, nodes },
    `${where}${formatTime(time)}  ${store}: ${told}`,
  );
}

function reportFinding(id: string, { entry, reason, left }: Finding, printer: Printer): void {
  printer.print(
    { type: 'ambiguous', archive: id, entry, reason, left },
    `${left ? 'left out' : 'ambiguous'} in ${id}: ${formatKey(entry)} (${escapeText(reason)})`,
  );
}

function summarize({ imported, present, refused, findings }: Tally, dryRun: boolean, printer: Printer): void {
  const parts = [`${count(imported)} ${dryRun ? 'can be imported' : 'imported'}`];
  if (present > 0) parts.push(`${count(present)} there already`);
  if (refused > 0) parts.push(`${count(refused)} not imported`);
  if (findings > 0) parts.push(`entries to look at: ${count(findings)}`);
  printer.print({ type: 'import', imported, present, refused, findings }, `archives: ${parts.join(', ')}`);
}
