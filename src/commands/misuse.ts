import { reasonOf, TreekeeperError } from '../errors.ts';

/** The arguments as the verbs read them: `--help` anywhere, and nothing at all, ask for help. */
export function readArguments(args: readonly string[]): string[] {
  const own = beforeDashes(args);
  if (args.length > 0 && !own.some((word) => word === '--help' || word === '-h')) return [...args];
  const words = own.filter((word) => !word.startsWith('-'));
  // Only the words of the verb: `remote add` is one, `ls latest` is not.
  return ['help', ...words.slice(0, 1), ...words.slice(1, 2).filter((word) => /^[a-z]+$/.test(word))];
}

/** The arguments that can be flags. */
export function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return end < 0 ? args : args.slice(0, end);
}

/** What is wrong with arguments that no verb takes, without clipanion's own page of usages. */
export function explainMisuse(thrown: unknown, args: readonly string[], verbs: readonly string[]): TreekeeperError {
  const [verb = ''] = args;
  if (!verb.startsWith('-') && !verbs.includes(verb)) {
    const near = verbs.filter((name) => isNear(name, verb));
    return new TreekeeperError('usage', `there is no verb ${verb}`, {
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`treekeeper help` lists the verbs',
    });
  }
  const [line = ''] = reasonOf(thrown).trim().split('\n');
  // clipanion goes on with a list of all that it might be.
  const fact = line.startsWith('Command not found')
    ? `${verb} does not take these arguments`
    : `${line.slice(0, 1).toLowerCase()}${line.slice(1).replace(/[.:]$/, '')}`;
  return new TreekeeperError('usage', fact, {
    hint: `\`treekeeper help${verb.startsWith('-') ? '' : ` ${verb}`}\` tells more`,
  });
}

/** One letter too many, missing, other or swapped, or the beginning of the word. */
function isNear(name: string, typed: string): boolean {
  if (typed.length > 1 && name.startsWith(typed)) return true;
  let start = 0;
  while (start < name.length && name[start] === typed[start]) start++;
  const [left, right] = [name.slice(start), typed.slice(start)];
  const swapped = `${right[1] ?? ''}${right[0] ?? ''}${right.slice(2)}`;
  return [
    right.slice(1) === left,
    left.slice(1) === right,
    left.slice(1) === right.slice(1),
    left === swapped,
  ].includes(true);
}
