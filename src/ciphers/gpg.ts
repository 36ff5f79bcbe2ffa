import { spawn } from 'node:child_process';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { OpenSessionKey, SessionKey } from './cipher.ts';
import { cannotOpen } from './secret-keys.ts';

/** What a run of gpg answered. */
interface Answer {
  readonly status: number | null;
  readonly stdout: Buffer;
  /** Lines of its status channel, without `[GNUPG:] `. */
  readonly told: readonly string[];
  readonly complaint: string;
}

/** What gpg's agent says where a person did not want to give the passphrase (GPG_ERR_CANCELED, GPG_ERR_FULLY_CANCELED). */
const cancelled = [99, 198];

/**
 * Finds session keys through gpg and its agent, so with smartcards and with passphrases that the agent asks for. gpg is asked
 * to open the whole message, and its word counts only where it says that this worked: its exit status alone is no proof
 * (19 of 1,944 flipped bits gave exit status 0 and no output). It runs once at a time: by the second message the agent knows
 * the passphrase, and a person is asked once; whoever does not give it is not asked again. Throws
 * `TreekeeperError('decrypt')`.
 */
export function openWithGpg(): OpenSessionKey {
  let before: Promise<unknown> = Promise.resolve();
  let refused: TreekeeperError | undefined;

  return (_header, message) => {
    const opening = before.then(() => open(message));
    before = opening.catch(() => {});
    return opening;
  };

  async function open(message: Uint8Array): Promise<SessionKey> {
    if (refused) throw refused;
    const { status, told, complaint } = await runGpg(['--show-session-key', '--decrypt'], message);
    const has = (word: string) => told.some((line) => line === word || line.startsWith(`${word} `));
    const key = told.map((line) => /^SESSION_KEY 9:([0-9A-F]{64})$/.exec(line)?.[1]).find(Boolean);
    if (status === 0 && has('DECRYPTION_OKAY') && has('GOODMDC') && key !== undefined) return Buffer.from(key, 'hex');
    if (key === undefined) {
      const error = cannotOpen(message, complaint);
      if (told.some(isCancelled)) refused = error;
      throw error;
    }
    throw new TreekeeperError('integrity', 'gpg says that an encrypted value was changed, or is cut off', {
      hint: '`treekeeper check` tells which snapshots are whole',
    });
  }
}

/** `ERROR pkdecrypt_failed 83886179`: the code of the error is in the lower 16 bits. */
function isCancelled(line: string): boolean {
  const [, code] = /^ERROR pkdecrypt_failed (\d+)/.exec(line) ?? [];
  return code !== undefined && cancelled.includes(Number(code) & 0xffff);
}

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

/** The same for whoever looks in other places too: `undefined` where gpg is not there or has no such key. */
export async function findInGpg(fingerprint: string): Promise<Uint8Array | undefined> {
  return exportFromGpg(fingerprint).catch((thrown: unknown) => {
    if (thrown instanceof TreekeeperError) return undefined;
    throw thrown;
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
