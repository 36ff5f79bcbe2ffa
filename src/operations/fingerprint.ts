import { TreekeeperError } from '../errors.ts';

/** A full fingerprint as somebody wrote it, with or without spaces: 40 hex digits, upper case. Throws `TreekeeperError('usage')`. */
export function parseFingerprint(text: string): string {
  const plain = text.replace(/\s/g, '').toUpperCase();
  if (/^[0-9A-F]{40}$/.test(plain)) return plain;
  throw new TreekeeperError('usage', `${JSON.stringify(text)} is no full fingerprint of 40 hexadecimal digits`, {
    hint: 'see `gpg --list-keys --fingerprint`; a short id is easily forged',
  });
}
