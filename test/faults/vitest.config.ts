import { mergeConfig } from 'vitest/config';
import tests from '../vitest.config.ts';

export default mergeConfig(tests, {
  test: { reporters: ['default', './test/faults/table-reporter.ts'] },
});
