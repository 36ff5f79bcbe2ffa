import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import './subject.ts';

/** Ends a campaign with a table of what was done and what was violated, and keeps it where the whole campaign ran. */
// biome-ignore lint/style/noDefaultExport: Vitest loads a reporter by its default export
export default class TableReporter implements Reporter {
  private readonly start = Date.now();

  onTestRunEnd(modules: readonly TestModule[]): void {
    const subjects = modules.flatMap((module) => [...module.children.allTests()]);
    const rows = subjects.map(rowOf).sort();
    const violations = subjects.reduce((sum, test) => sum + violationsOf(test), 0);
    const minutes = ((Date.now() - this.start) / 60_000).toFixed(1);
    const table = `| subject | done | violations | seed |\n|---|---|---:|---:|\n${rows.join('\n')}\n`;
    const sum = `${subjects.length} subjects, ${violations} violations, ${minutes} minutes`;
    process.stdout.write(`\n${table}\n${sum}\n`);
    const { FAULTS_RESULTS: file, FAULTS_COMMAND: command } = process.env;
    if (file === undefined) return;
    writeFileSync(file, `# The fault campaign\n\n\`${command}\`: ${sum}.\n\n${circumstances()}\n\n${table}`);
  }
}

function rowOf(test: TestCase): string {
  const { tally } = test.meta();
  const counts = Object.entries(tally?.counts ?? {}).map(([what, times]) => `${times.toLocaleString('en')} ${what}`);
  const done = tally?.skipped === undefined ? counts.join(', ') : `skipped: ${tally.skipped}`;
  return `| ${test.name} | ${done} | ${violationsOf(test)} | ${tally?.seed ?? ''} |`;
}

/** A subject that broke off counts as one violation: nothing is known of what it had still to do. */
function violationsOf(test: TestCase): number {
  const noted = test.meta().tally?.violations.length ?? 0;
  return noted === 0 && test.result().state === 'failed' ? 1 : noted;
}

function circumstances(): string {
  const git = execFileSync('git', ['--version'], { encoding: 'utf8' }).trim();
  const processors = cpus();
  return [
    `${processors.length} x ${processors[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB,`,
    `${process.platform}, Node ${process.version}, ${git}, ${new Date().toISOString().slice(0, 10)}`,
  ].join(' ');
}
