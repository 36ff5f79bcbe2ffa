import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import { BaseCommand, type Session } from './base.ts';

const category = 'Encryption';

export class KeysListCommand extends BaseCommand {
  static override paths = [['keys', 'list'], ['keys']];

  static override usage = Command.Usage({
    category,
    description: 'list the public keys in the repository',
    details: 'Values are encrypted to those of them that the rules in treekeeper.yaml name.',
  });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ openForReading }, { listKeys }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/keys.ts'),
    ]);
    await using opened = await openForReading(repositoryPath, surroundings);
    for (const { fingerprint, users, problem } of await listKeys(opened)) {
      const state = problem === undefined ? '' : `  (cannot be used: ${problem})`;
      printer.print({ type: 'key', fingerprint, users, problem }, `${fingerprint}  ${users.join(', ')}${state}`);
    }
    return undefined;
  }
}

export class KeysAddCommand extends BaseCommand {
  static override paths = [['keys', 'add']];

  static override usage = Command.Usage({
    category,
    description: 'put public keys into the repository',
    details: `
      FILE holds one or more OpenPGP public keys, armored or not (\`gpg --export --armor FINGERPRINT\`). With the keys in the
      repository, every host that backs up into it can encrypt. A key that is there already is renewed. \`backup\` adds those
      that it uses by itself.

      Exit status: 0 done; 13 a key cannot be encrypted to.
    `,
    examples: [['A colleague', '$0 keys add alice.asc']],
  });

  file = Option.String({ name: 'FILE' });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ openForBackup }, { addKeys }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/keys.ts'),
    ]);
    const content = await readFile(resolve(this.context.directory, this.file));
    const { repository } = await openForBackup(repositoryPath, undefined, false, surroundings);
    for (const { fingerprint, users } of await addKeys(repository, content)) {
      printer.print({ type: 'key', fingerprint, users }, `added ${fingerprint}  ${users.join(', ')}`);
    }
    return undefined;
  }
}

export class KeysRemoveCommand extends BaseCommand {
  static override paths = [['keys', 'remove']];

  static override usage = Command.Usage({
    category,
    description: 'take public keys out of the repository',
    details: `
      FINGERPRINT is a full one, as \`treekeeper keys\` lists them. A key that a store encrypts to stays: take it out of the
      rules in treekeeper.yaml first, and let \`backup\` or \`rekey\` follow them. What lies in the history stays readable to
      whom it was readable.

      Exit status: 0 done; 2 there is no such key, or it is in use.
    `,
    examples: [['A colleague who left', '$0 keys remove 0123456789ABCDEF0123456789ABCDEF01234567']],
  });

  fingerprints = Option.Rest({ name: 'FINGERPRINT', required: 1 });

  protected override async run({ printer, repositoryPath, surroundings }: Session): Promise<undefined> {
    const [{ openForCommits }, { removeKeys }] = await Promise.all([
      import('../operations/open.ts'),
      import('../operations/keys.ts'),
    ]);
    const repository = await openForCommits(repositoryPath, undefined, surroundings);
    for (const fingerprint of await removeKeys(repository, this.fingerprints)) {
      printer.print({ type: 'key', fingerprint }, `removed ${fingerprint}`);
    }
    return undefined;
  }
}
