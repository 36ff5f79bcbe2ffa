import { TreekeeperError } from '../errors.ts';
import type { Repository } from '../operations/open.ts';
import { countPlainValues, isUntouched, push } from '../operations/push.ts';
import { describeRemote, type Remote } from '../operations/remotes.ts';
import type { Printer } from '../report/printer.ts';
import { count } from '../snapshot/message.ts';

/** Pushes to each of the remotes and tells how it went. Answers whether all of them have everything now. */
export async function pushAll(
  repository: Repository,
  remotes: readonly Remote[],
  printer: Printer,
  signal: AbortSignal,
): Promise<boolean> {
  if (remotes.length === 0) {
    throw new TreekeeperError('usage', 'there is no remote to push to', {
      hint: 'add one with `treekeeper remote add NAME URL`, or in treekeeper.yaml',
    });
  }
  let all = true;
  for (const remote of remotes) {
    await warnOfPlainValues(repository, remote, printer);
    printer.progress(`pushing to ${remote.name}`);
    try {
      const { status, commits, tip } = await push(repository, remote, signal);
      const where = describeRemote(remote);
      const text = status === 'pushed' ? `pushed ${count(commits)} commits to ${where}` : `${where} is up to date`;
      printer.print({ type: 'push', remote: remote.name, status, commits, tip }, text);
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError) || signal.aborted) throw thrown;
      all = false;
      printer.fail(thrown);
    }
  }
  printer.progress('');
  return all;
}

/** Once, before anything goes there: what was pushed to a Git host can be read by whoever can read that. */
async function warnOfPlainValues(repository: Repository, remote: Remote, printer: Printer): Promise<void> {
  if (remote.url.isLocal || remote.unencryptedAccepted || !(await isUntouched(repository, remote))) return;
  const values = await countPlainValues(repository);
  if (values === 0) return;
  printer.warn(
    `${count(values)} values go to ${describeRemote(remote)} in clear, for everybody to read who can read that repository, ` +
      'and for as long as its history is kept; `encrypt` in treekeeper.yaml prevents that, and `unencrypted: accepted` there ' +
      'at the remote says that it is meant',
  );
}
