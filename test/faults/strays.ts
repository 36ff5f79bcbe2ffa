/** Errors that nobody caught, which would have ended a process of its own. */
export interface Strays {
  /** Those that came since it was asked last. */
  take(): readonly string[];
  /** Leaves them to whom they were left before. */
  stop(): void;
}

const events = ['uncaughtException', 'unhandledRejection'] as const;

export function catchStrays(): Strays {
  const found: string[] = [];
  const note = (thrown: unknown) =>
    void found.push(`nobody caught ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  for (const event of events) process.removeAllListeners(event).on(event, note);
  return {
    take: () => found.splice(0),
    stop() {
      for (const [index, event] of events.entries()) {
        process.removeAllListeners(event);
        for (const listener of before[index] ?? []) process.on(event, listener);
      }
    },
  };
}
