import type { Verification } from '../operations/verify.ts';
import type { Printer } from '../report/printer.ts';
import { count } from '../snapshot/message.ts';
import { printSteps, type Words } from './plan-report.ts';

const words: Words = {
  create: '- missing',
  refused: '- missing',
  differs: '~ differs',
  skipped: '. skipped',
  unreadable: '? cannot be read',
};

/** Tells every node that is not as in the snapshot, then the verdict. */
export function printVerification(
  { verdict, steps, counts }: Verification,
  printer: Printer,
  options: { full: boolean },
): void {
  printSteps(steps, words, printer, options);
  const { create, refused, same, differs, skipped, unreadable } = counts;
  const missing = create + refused;
  const rest = [`${count(same)} equal`, `${count(missing)} missing`, `${count(differs)} differ`];
  if (skipped > 0) rest.push(`${count(skipped)} skipped`);
  if (unreadable > 0) rest.push(`${count(unreadable)} cannot be read`);
  const text = printer.style.strong(`verify: ${verdict} (${rest.join(', ')})`);
  printer.print({ type: 'verify', verdict, equal: same, missing, differs, skipped, unreadable }, text);
}
