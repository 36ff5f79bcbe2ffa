import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A gpg with a home of its own: a short path, since the agent's socket is in it. */
export interface Gnupg {
  readonly home: string;
  run(args: readonly string[], input?: Uint8Array): Buffer;
  /** Makes a key that can sign, with a subkey that can encrypt; as if it were another time, with `at`. Answers its fingerprint. */
  makeKey(
    algorithm: string,
    options?: { user?: string; passphrase?: string; expires?: string; signOnly?: boolean; at?: string },
  ): string;
}

export function startGnupg(): Gnupg {
  const home = mkdtempSync(join(tmpdir(), 'gpg-'));
  const env = { ...process.env, GNUPGHOME: home, LC_ALL: 'C' };
  const run = (args: readonly string[], input: Uint8Array = new Uint8Array()) =>
    execFileSync('gpg', ['--batch', '--no-tty', '--quiet', '--trust-model', 'always', ...args], {
      env,
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    });
  afterAll(() => {
    execFileSync('gpgconf', ['--kill', 'all'], { env });
    rmSync(home, { recursive: true, force: true });
  });
  let made = 0;
  return {
    home,
    run,
    makeKey(
      algorithm,
      { user = `key ${made++} <k${made}@example.org>`, passphrase = '', expires = 'never', signOnly = false, at } = {},
    ) {
      const clock = at === undefined ? [] : ['--faked-system-time', `${at}!`];
      const unlock = [...clock, '--pinentry-mode', 'loopback', '--passphrase', passphrase];
      run([...unlock, '--quick-generate-key', user, algorithm === 'cv25519' ? 'ed25519' : algorithm, 'sign', expires]);
      const listed = run(['--list-keys', '--with-colons', '--', user]).toString();
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
      if (!signOnly) run([...unlock, '--quick-add-key', fingerprint, algorithm, 'encr', expires]);
      return fingerprint;
    },
  };
}
