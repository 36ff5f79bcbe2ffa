import type { InputFormat } from './format.ts';

/**
 * A script for a POSIX shell, of `etcdctl put`. The value goes in by standard input, since an argument can hold no NUL and
 * not more than 128 KiB, and everything beside plain ASCII is written in octal: the script can be looked at on any terminal.
 */
export const etcdctlInput: InputFormat = {
  kind: 'etcd',
  head: `#!/bin/sh
# Puts these keys into the etcd that ETCDCTL_ENDPOINTS names, over what is there: ETCDCTL_API=3 sh THIS_FILE
set -eu
LC_ALL=C; export LC_ALL
`,
  between: '',
  foot: '',

  express({ key, value, attributes }) {
    if (value === null) return { reason: 'etcd has no nodes without a value' };
    if (attributes !== undefined) return { reason: `etcd cannot hold the attribute ${Object.keys(attributes)[0]}` };
    if (key.length === 0) return { reason: 'etcd has no empty key' };
    if (key.includes(0)) return { reason: 'an argument of a program cannot hold a NUL' };
    const isPlain = key.every((byte) => byte > 0x20 && byte < 0x7f && byte !== quote);
    // The dot keeps the shell from dropping newlines at the end.
    const [before, name] = isPlain
      ? ['', `'${Buffer.from(key).toString('latin1')}'`]
      : [`k=$(printf '${octal(key)}.'); `, `"\${k%.}"`];
    // An empty standard input is no value to etcdctl.
    if (value.length === 0) return { text: `${before}etcdctl put -- ${name} ''\n` };
    return { text: `${before}printf '${octal(value)}' | etcdctl put -- ${name}\n` };
  },
};

const [quote, percent, backslash, dash] = [0x27, 0x25, 0x5c, 0x2d];

/** Bytes as the format of `printf`, inside single quotes. A dash in front could be taken for an option. */
function octal(bytes: Uint8Array): string {
  let text = '';
  for (const [index, byte] of bytes.entries()) {
    const isSafe = byte >= 0x20 && byte < 0x7f && byte !== quote && byte !== backslash && (byte !== dash || index > 0);
    if (byte === percent) text += '%%';
    else text += isSafe ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return text;
}
