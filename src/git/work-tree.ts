import type { Oid } from '../snapshot/objects.ts';
import { reasonOf } from '../errors.ts';
import { runGit } from './process.ts';
import type { Repository } from './repository.ts';

/**
 * Lets the files of a work tree follow the branch, which just moved from one commit to another. Answers `undefined` where
 * there is nothing to do or it was done, else a sentence for the user. Local changes are never lost: git refuses to touch
 * a file that is not as it was in `from`. Filters that the repository's own configuration defines are never run.
 */
export async function followWorkTree({ gitDir, workTree, branch }: Repository, from: Oid | undefined, to: Oid): Promise<string | undefined> {
  if (workTree === undefined) return undefined;
  const head = await runGit({ gitDir, args: ['symbolic-ref', '--quiet', 'HEAD'], accept: [1] });
  if (head.stdout.toString().trim() !== branch) return undefined;

  const how = `the files in ${workTree} are still those of the snapshot before; \`git -C ${workTree} reset --keep ${branch}\` brings them along`;
  const filters = await runGit({ gitDir, args: ['config', '--local', '--get-regexp', '^filter\\..*\\.(smudge|clean|process)$'], accept: [1] });
  if (filters.stdout.length > 0) return `${how} (not done here, since the repository defines filters, which are programs)`;

  const merge = ['read-tree', '-m', '-u', ...(from === undefined ? [] : [from]), to];
  try {
    await runGit({ gitDir, args: [`--work-tree=${workTree}`, ...merge] });
    return undefined;
  } catch (thrown) {
    return `${how} (git would not: ${reasonOf(thrown)})`;
  }
}
