import { findExposures } from '../operations/exposure.ts';
import type { Repository } from '../operations/open.ts';
import { push, requireTip } from '../operations/push.ts';
import { describeRemote, type KnownRemote, type Remote, remoteFailure } from '../operations/remotes.ts';
import type { Found } from '../operations/restate.ts';
import type { Printer } from '../report/printer.ts';
import { count, countOf } from '../snapshot/message.ts';

/** Pushes to each of the remotes, after a backup what it `found`, and tells how it went. Answers whether all have everything. */
export async function pushAll(
  repository: Repository,
  remotes: readonly KnownRemote[],
  printer: Printer,
  signal: AbortSignal,
  found?: Found,
): Promise<boolean> {
  await requireTip(repository);
  let all = true;
  for (const { name, open } of remotes) {
    printer.progress(`pushing to ${name}`);
    try {
      const remote = open();
      await warnOfPlainValues(repository, remote, printer);
      const { status, commits, tip } = await push(repository, remote, found, signal);
      const where = describeRemote(remote);
      const text = status === 'pushed' ? `pushed ${countOf(commits, 'commit')} to ${where}` : `${where} is up to date`;
      printer.print({ type: 'push', remote: name, status, commits, tip }, text);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      all = false;
      printer.print({ type: 'push', remote: name, status: 'failed' }, undefined);
      printer.fail(remoteFailure('push', name, thrown));
    }
  }
  printer.progress('');
  return all;
}

/** Once for each store, before any of it goes there: what was pushed to a Git host can be read by whoever can read that. */
async function warnOfPlainValues(repository: Repository, remote: Remote, printer: Printer): Promise<void> {
  if (remote.url.isLocal || remote.unencryptedAccepted) return;
  const exposures = await findExposures(repository, remote);
  if (exposures.length === 0) return;
  const parts = exposures.flatMap(({ store, values, earlier }) => [
    ...(values > 0 ? [`${countOf(values, 'value')} of ${store}`] : []),
    ...(earlier > 0 ? [`${count(earlier)} of earlier snapshots of ${store}`] : []),
  ]);
  printer.warn(
    `in clear to ${describeRemote(remote)}: ${parts.join(', ')}, for everybody to read who can read that repository, ` +
      'and for as long as its history is kept; `encrypt` in treekeeper.yaml prevents that, and `unencrypted: accepted` there ' +
      'at the remote says that it is meant',
  );
}
