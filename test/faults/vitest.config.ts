import { basename } from 'node:path';
import { mergeConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import tests from '../vitest.config.ts';

/** The files that take minutes, the longest first, so that none of them is left to run alone at the end. */
const long = ['system-calls', 'damage', 'model', 'locks', 'killed', 'restarts', 'connections', 'remote-memory'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = long.indexOf(basename(moduleId, '.faults.ts'));
      return at === -1 ? long.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default mergeConfig(tests, {
  test: {
    // A third of a subject's time is waiting for a lock, a deadline or a server.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/faults/table-reporter.ts'],
  },
});
