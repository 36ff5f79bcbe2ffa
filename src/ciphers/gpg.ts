import { spawn } from 'node:child_process';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { OpenSessionKey } from './cipher.ts';
import { cannotOpen } from './secret-keys.ts';

/** What a run of gpg answered. */
interface Answer {
  readonly status: number | null;
  readonly stdout: Buffer;
  /** Lines of its status channel, without `[GNUPG:] `. */
  readonly told: readonly string[];
  readonly complaint: string;
}

/**
 * Finds session keys through gpg and its agent, so with smartcards and with passphrases that the agent asks for. gpg is asked
 * to open the whole message, and its word counts only where it says that this worked: its exit status alone is no proof
 * (19 of 1,944 flipped bits gave exit status 0 and no output). Throws `TreekeeperError('decrypt')`.
 */
export const openWithGpg: OpenSessionKey = async (_header, message) => {
  const { status, told, complaint } = await runGpg(['--show-session-key', '--decrypt'], message);
  const has = (word: string) => told.some((line) => line === word || line.startsWith(`${word} `));
  const key = told.map((line) => /^SESSION_KEY 9:([0-9A-F]{64})$/.exec(line)?.[1]).find(Boolean);
  if (status === 0 && has('DECRYPTION_OKAY') && has('GOODMDC') && key !== undefined) return Buffer.from(key, 'hex');
  if (has('NO_SECKEY') || key === undefined) throw cannotOpen(message, complaint);
  throw new TreekeeperError('integrity', 'gpg says that an encrypted value was changed, or is cut off', {
    hint: '`treekeeper check` tells which snapshots are whole',
  });
};

/** A detached, armored signature by that key, through gpg and its agent. Throws `TreekeeperError('unsigned')`. */
export async function signWithGpg(fingerprint: string, content: Uint8Array): Promise<string> {
  const args = ['--detach-sign', '--armor', '--no-include-key-block', '--local-user', fingerprint];
  const { status, stdout, told, complaint } = await runGpg(args, content);
  if (status === 0 && told.some((line) => line.startsWith('SIG_CREATED D '))) return stdout.toString();
  throw new TreekeeperError('unsigned', `gpg did not sign with the key ${fingerprint}: ${complaint}`, {
    hint: 'its agent has to have the secret key, and a way to ask for the passphrase; or give a file as `keyFile`',
  });
}

/** The public key of that fingerprint in the keyring of gpg. Throws `TreekeeperError('recipient')` where there is none. */
export async function exportFromGpg(fingerprint: string): Promise<Uint8Array> {
  const { stdout } = await runGpg(['--export', '--export-options', 'export-minimal', '--', fingerprint], undefined);
  if (stdout.length > 0) return stdout;
  throw new TreekeeperError('recipient', `the gpg keyring has no key ${fingerprint}`, {
    hint: 'import it with `gpg --import FILE`, or give the file itself',
  });
}

async function runGpg(args: readonly string[], input: Uint8Array | undefined): Promise<Answer> {
  const child = spawn('gpg', ['--batch', '--no-tty', '--no-verbose', '--status-fd', '3', ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const collect = (stream: NodeJS.ReadableStream | null | undefined) => {
    const chunks: Buffer[] = [];
    stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks);
  };
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const told = collect(child.stdio[3] as NodeJS.ReadableStream | null);
  child.stdin?.on('error', () => {
    // gpg may end before it has read everything; what it says about it counts.
  });
  child.stdin?.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new TreekeeperError('decrypt', `gpg cannot be started: ${reasonOf(cause)}`, {
          hint: 'install it, or give a file with the secret key',
          cause,
        }),
      ),
    );
    child.once('close', resolve);
  });
  const lines = told().toString().split('\n');
  return {
    status,
    stdout: stdout(),
    told: lines.filter((line) => line.startsWith('[GNUPG:] ')).map((line) => line.slice('[GNUPG:] '.length)),
    complaint: stderr().toString().trim(),
  };
}
