import type { EncryptRule } from '../snapshot/manifest.ts';
import { compileSelection } from './select.ts';

/** Tells by which of some rules the value of a node is encrypted: the first one that matches its key. */
export async function compileRules<Rule extends EncryptRule>(
  rules: readonly Rule[],
): Promise<(key: Uint8Array) => Rule | undefined> {
  const compiled: { matches(key: Uint8Array): boolean; rule: Rule }[] = [];
  for (const rule of rules) compiled.push({ matches: (await compileSelection(rule.keys, [])).matches, rule });
  return (key) => compiled.find(({ matches }) => matches(key))?.rule;
}
