import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // What its package.json calls `module` is no ES module that Node could load.
  resolve: { alias: { clipanion: fileURLToPath(import.meta.resolve('clipanion')) } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Most tests wait for a server or for git. On two cores more workers only make each other late.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/count-reporter.ts'],
  },
});
