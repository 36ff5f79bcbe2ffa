import { bareRemote } from '../../servers/git-hosts.ts';
import { complaints, git, gitText, headOf } from './snapshot.ts';

/** A remote that several hosts push to, and what must hold of it. */
export function openRemote(path: string, must: (holds: boolean, violation: string) => void) {
  bareRemote(path);
  let tip = '';

  /** The tree of a store at a commit; empty where it has none. */
  const treeOf = (repository: string, commit: string, store: string) => treesOf(repository, [commit], store).join();

  return {
    path,

    /** The branch went on from where it was, one commit after the other. */
    follow(): void {
      const now = headOf(path);
      const complaint = complaints(path);
      must(complaint === '', `fsck of the remote: ${complaint}`);
      if (now === tip) return;
      const commits = gitText(path, 'rev-list', '--reverse', '--parents', tip === '' ? now : `${tip}..${now}`);
      for (const line of commits.split('\n')) {
        const [commit = '', ...parents] = line.split(' ');
        must(parents.join() === tip, `at the remote, ${commit} does not follow from ${tip}`);
        tip = commit;
      }
    },

    /** What a host pushed is there: its newest snapshot as the newest one. */
    hasNewest(repository: string, store: string): void {
      const [here, there] = [treeOf(repository, headOf(repository), store), treeOf(path, headOf(path), store)];
      must(here === there, `a push of ${store} ended well, and the remote has ${there} for ${here}`);
    },

    /** No snapshot of a host's branch got lost. */
    hasAll(repository: string, store: string): void {
      const commits = (from: string) => gitText(from, 'rev-list', 'main').split('\n');
      const there = new Set(treesOf(path, commits(path), store));
      const lost = treesOf(repository, commits(repository), store).filter((tree) => !there.has(tree));
      must(lost.length === 0, `the remote never got the snapshots ${lost} of ${store}`);
    },
  };
}

export type Remote = ReturnType<typeof openRemote>;

function treesOf(repository: string, commits: readonly string[], store: string): string[] {
  const asked = commits.map((commit) => `${commit}:${store}\n`).join('');
  const answers = git(repository, ['cat-file', '--batch-check'], asked).toString().trimEnd().split('\n');
  return answers.filter((line) => / tree /.test(line)).map((line) => line.slice(0, 40));
}
