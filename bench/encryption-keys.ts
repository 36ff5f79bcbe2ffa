import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';

/** A key without a passphrase: RSA with so many bits, or Curve25519. */
export async function makeKey(name: string, rsaBits?: number) {
  const userIDs = [{ name, email: `${name}@example.org` }];
  const kind = rsaBits === undefined ? { type: 'ecc', curve: 'curve25519Legacy' } : { type: 'rsa', rsaBits };
  const made = await openpgp.generateKey({ ...(kind as { type: 'rsa'; rsaBits: number }), userIDs, format: 'armored' });
  const key = await openpgp.readKey({ armoredKey: made.publicKey });
  return { fingerprint: key.getFingerprint().toUpperCase(), public: made.publicKey, secret: made.privateKey };
}

/** A gpg with a home of its own, first on the path, which counts how often it runs. Ends its agent with this process. */
export function openGpg(home: string) {
  const real = execFileSync('which', ['gpg'], { encoding: 'utf8' }).trim();
  const [log, bin] = [join(home, 'runs'), join(home, 'bin')];
  mkdirSync(bin, { recursive: true });
  chmodSync(home, 0o700);
  writeFileSync(log, '');
  writeFileSync(join(bin, 'gpg'), `#!/bin/sh\necho run >>${log}\nexec ${real} "$@"\n`, { mode: 0o755 });
  process.env['GNUPGHOME'] = home;
  process.env['PATH'] = `${bin}:${process.env['PATH']}`;
  process.once('exit', () => execFileSync('gpgconf', ['--kill', 'all']));
  return {
    run: (args: readonly string[], input: string) =>
      execFileSync(real, ['--batch', '--quiet', ...args], { input, stdio: ['pipe', 'pipe', 'pipe'] }),
    forgetRuns: () => writeFileSync(log, ''),
    countRuns: () => readFileSync(log, 'utf8').split('\n').length - 1,
  };
}
