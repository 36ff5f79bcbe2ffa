import { randomInt } from 'node:crypto';
import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { CheckResult, StoreCheck } from '../operations/check.ts';
import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { countRate } from '../report/rate.ts';
import { count } from '../snapshot/message.ts';
import { BaseCommand, type Session } from './base.ts';

/** More snapshots that are not whole than these are only counted, but for JSON. */
const mostShown = 20;

export class CheckCommand extends BaseCommand {
  static override paths = [['check']];

  static override usage = Command.Usage({
    category: 'Upkeep',
    description: 'read everything in the repository and tell what is damaged, and which snapshots are whole',
    details: `
      Every name, manifest, attributes file, value and ciphertext of the present snapshots is read and proven; the checksums of
      the repository's files are, and git checks the objects of the whole history. With --all every snapshot of the history is
      read as the present ones are, and it is told which of them are whole; what they share is read once.

      Of a large repository --read-data 5% reads a part of the values (names, manifests and attributes are read in any case); the
      seed that chose them is told, and --seed chooses the same ones again. Run daily with a new seed, it comes round to all.

      Encrypted values are opened with --decrypt, else only their form is looked at. Values that lie in clear although the rules
      of the store encrypt them are told, with --all those of older snapshots too.

      Exit status: 0 all is well; 4 the present snapshot has values in clear that its rules encrypt; 5 something is damaged;
      12 no key at hand opens some encrypted value (with --decrypt).
    `,
    examples: [
      ['Check the present snapshots', '$0 check'],
      ['Which snapshots of the history are whole?', '$0 check --all'],
      ['Every night a part of a large repository', '$0 check --read-data 5%'],
    ],
  });

  all = Option.Boolean('--all', false, { description: 'Every snapshot of the history, not the present ones alone' });
  readData = Option.String('--read-data', { description: 'The part of the values that is read, as 5% (100%)' });
  seed = Option.String('--seed', { description: 'Choose the same part as a run before' });
  decrypt = Option.Boolean('--decrypt', false, { description: 'Open encrypted values' });

  protected override async run({
    printer,
    repositoryPath,
    surroundings,
    signal,
  }: Session): Promise<number | undefined> {
    const [{ check }, { openForReading }] = await Promise.all([
      import('../operations/check.ts'),
      import('../operations/open.ts'),
    ]);
    const sample = this.sample();
    if (sample) printer.note(`reading ${this.readData} of the values; --seed ${sample.seed} chooses the same ones`);
    await using opened = await openForReading(repositoryPath, surroundings);
    const result = await check(opened, {
      all: this.all,
      sample,
      decryptor: this.decrypt ? surroundings.decryptor : undefined,
      signal,
      onProgress: countRate('checking', printer.progress),
    });
    printer.progress('');
    tell(result, printer);
    printer.print({ type: 'check', damaged: result.findings.length, ...result.values, seed: sample?.seed }, undefined);
    if (result.findings.length > 0) return 5;
    if (result.clear.some(({ until }) => until === undefined)) return 4;
    return this.decrypt && result.values.wellFormed > 0 ? 12 : undefined;
  }

  private sample(): { readonly fraction: number; readonly seed: string } | undefined {
    if (this.readData === undefined) {
      if (this.seed === undefined) return undefined;
      throw new TreekeeperError('usage', '--seed chooses what --read-data reads, and that is not given');
    }
    const [, number] = /^(\d+(?:\.\d+)?)%$/.exec(this.readData) ?? [];
    if (number === undefined || Number(number) > 100)
      throw new TreekeeperError('usage', `--read-data ${this.readData} is no part`, { hint: 'write it as 5% or 0.5%' });
    return { fraction: Number(number) / 100, seed: this.seed ?? String(randomInt(2 ** 32)) };
  }
}

function tell({ stores, findings, clear, values, fsck }: CheckResult, printer: Printer): void {
  for (const { store, key, problem } of findings) {
    const where = [store, key && formatKey(key)].filter((part) => part !== undefined).map((part) => `${part}: `);
    printer.print(
      { type: 'finding', store, key, problem },
      printer.style.removed(`damaged: ${where.join('')}${problem}`),
    );
  }
  for (const { store, key, until } of clear) {
    const when = until === undefined ? '' : `, up to the snapshot ${until.slice(0, 10)}`;
    printer.print({ type: 'clear', store, key, until }, `in clear: ${store}: ${formatKey(key)}${when}`);
  }
  for (const checked of stores) tellStore(checked, printer);
  if (values.wellFormed > 0)
    printer.note(`${count(values.wellFormed)} encrypted values were not opened, only their form was looked at`);
  if (clear.some(({ until }) => until !== undefined)) {
    printer.note(
      'old snapshots have values in clear: change these secrets, and begin the history afresh with `archive`',
    );
  }
  if (!fsck) printer.warn('there is no git binary here, so only what the checked snapshots need was checked');
}

function tellStore({ store, nodes, sound, history }: StoreCheck, printer: Printer): void {
  const { snapshots, newestWhole, broken = [] } = history ?? {};
  for (const [index, { oid, commit }] of broken.entries()) {
    const time = new Date(commit.committer.time * 1000).toISOString();
    printer.print(
      { type: 'snapshot', store, commit: oid, time, sound: false },
      index < mostShown ? printer.style.removed(`not whole: ${store} at ${oid.slice(0, 10)}, ${time}`) : undefined,
    );
  }
  const verdict = sound ? `${count(nodes)} nodes, all sound` : 'the present snapshot is not whole';
  const newest = newestWhole && broken.length > 0 ? `, the newest whole one ${newestWhole.oid.slice(0, 10)}` : '';
  const whole = snapshots === undefined ? undefined : snapshots - broken.length;
  const rest = whole === undefined ? '' : `; ${count(whole)} of ${count(snapshots ?? 0)} snapshots are whole${newest}`;
  printer.print(
    { type: 'store', store, nodes, sound, snapshots, whole, newestWhole: newestWhole?.oid },
    `${store}: ${verdict}${rest}`,
  );
}
