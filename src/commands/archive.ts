import { Command, Option } from 'clipanion';
import { BaseCommand, type Session } from './base.ts';

export class ArchiveCommand extends BaseCommand {
  static override paths = [['archive']];

  static override usage = Command.Usage({
    category: 'Upkeep',
    description: 'start a fresh history from the present state, and keep the old one aside',
    details: `
      The history so far moves to a ref with today's date (refs/archive/main-2026-11-24), and the branch begins anew with
      the last snapshot of each store. Nothing is deleted: the archive can be pushed elsewhere
      (\`git push URL refs/archive/...\`), and dropped with \`git update-ref -d\` and \`treekeeper maintenance --prune\` once it
      is no longer wanted. Remotes keep their whole history, of which a copy stays here, and later pushes go on top of it; a
      remote that is to begin anew as well is a new repository there, under another name here.
    `,
    examples: [['Once a year', '$0 archive']],
  });

  branch = Option.String('--branch', { description: 'The branch (else the one that HEAD of the repository names)' });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ openForCommits }, { archive }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/archive.ts'),
    ]);
    const repository = await openForCommits(repositoryPath, this.branch, surroundings);
    const { archive: ref, tip, before, advice } = await archive(repository);
    printer.print(
      { type: 'archive', archive: ref, tip, before },
      `the history up to ${before.slice(0, 10)} is at ${ref}; the branch begins anew at ${tip.slice(0, 10)}`,
    );
    if (advice !== undefined) printer.warn(advice);
    return undefined;
  }
}
