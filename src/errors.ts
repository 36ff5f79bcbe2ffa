/**
 * What can go wrong, as a closed set: one name for every exit code of the table in README.
 * A caller tells errors apart by `code`; nobody compares messages.
 */
export const exitCodes = {
  failed: 1,
  usage: 2,
  incomplete: 3,
  differences: 4,
  integrity: 5,
  push: 6,
  'no-repository': 10,
  locked: 11,
  decrypt: 12,
  recipient: 13,
  unsigned: 14,
  unreachable: 15,
  guard: 16,
  interrupted: 130,
  terminated: 143,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/**
 * An error that a user can act on. `message` states the fact (lower case, no final period); `hint` says what to do
 * next. Anything else that is thrown is a defect of treekeeper and is reported as one.
 */
export class TreekeeperError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TreekeeperError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, for use inside a sentence. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
