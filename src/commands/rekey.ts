import { Command, Option } from 'clipanion';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

export class RekeyCommand extends BaseCommand {
  static override paths = [['rekey']];

  static override usage = Command.Usage({
    category: 'Encryption',
    description: 'encrypt the values of the latest snapshot by the rules as they are now',
    details: `
      Needs a secret key that opens them, and not the service; \`backup\` follows the rules by itself, and needs the service
      and no secret key. Only values that are not encrypted by the rules in treekeeper.yaml yet are encrypted anew, in a
      commit of their own. What lies in the history stays readable to whom it was readable: change the secrets themselves
      where somebody left.

      Exit status: 0 done, also where nothing had to be done; 12 no key at hand opens the values; 13 a recipient cannot be
      encrypted to.
    `,
    examples: [
      ['After a recipient left', '$0 rekey --store etcd-prod --key-file ops.key'],
      ['With new session keys throughout', '$0 rekey --all'],
    ],
  });

  store = Option.String('--store', { description: 'The store, where the repository has several' });
  all = Option.Boolean('--all', false, { description: 'Also values that are encrypted by these rules already' });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ configuredRules }, { rekey }, { openForCommits, openForReading }, { locate }] = await Promise.all([
      import('../operations/rules.ts'),
      import('../operations/rekey.ts'),
      import('../operations/open.ts'),
      import('../operations/revision.ts'),
    ]);
    const repository = await openForCommits(repositoryPath, undefined, surroundings);
    await using opened = await openForReading(repositoryPath);
    const { store } = (await locate(opened.reader, repository, 'latest', this.store)).snapshot;
    const rules = configuredRules(store, surroundings);
    const decryptor = surroundings.decryptor;
    const { values, commit, advice, warnings } = await rekey(repository, { store, rules, decryptor, all: this.all });
    const where = commit === undefined ? 'all of them are encrypted by the rules' : `snapshot ${commit.slice(0, 10)}`;
    printer.print(
      { type: 'rekey', store, values, commit },
      `${store}: ${count(values)} values encrypted anew; ${where}`,
    );
    if (values > 0) printer.note('what lies in the history stays readable to whom it was readable');
    for (const warning of [...warnings, ...(advice === undefined ? [] : [advice])]) printer.warn(warning);
    return undefined;
  }
}
