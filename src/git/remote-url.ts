import { existsSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** Where a remote is, in a form that git cannot take for an option, a helper program or another place. */
export interface RemoteUrl {
  /** The protocol, in git's words (GIT_ALLOW_PROTOCOL). */
  readonly protocol: 'https' | 'http' | 'ssh' | 'git' | 'file';
  /** What git is given. It holds no secret, so it can be shown. */
  readonly text: string;
  /** The values that go there stay on this machine. */
  readonly isLocal: boolean;
}

/** A user: never like an option, nothing that a shell or ssh could make something of, and nothing that git takes for the host. */
const safeUser = /^[A-Za-z0-9_][A-Za-z0-9._%+~-]*$/;

/** A host likewise: a name, an address, or, in brackets, an address or a host with its port. Nothing in it is escaped. */
const safeHost =
  /^([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?\]|\[[A-Za-z0-9_][A-Za-z0-9._-]*:[0-9]+\])$/;

/** Whether a text names a repository that is not simply a path: a URL, or `user@host:path`. */
export function isRemoteUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[^/\\:@\s]+@(\[[^/\\\]\s]*\]|[^/\\:\s]+):/.test(text);
}

/**
 * Takes a remote's URL apart: https, http, ssh, git and file, `user@host:path`, or a path, relative to `directory`. Throws
 * `TreekeeperError('usage')` on everything else, with the way to do it right where that is known.
 */
export function parseRemoteUrl(text: string, directory: string): RemoteUrl {
  if (/\p{Cc}/u.test(text)) throw refused(text, 'it has a control character in it');
  if (text.replace(/\[[0-9a-f:.]*\]/gi, '').includes('::')) throw refused(text, 'it names a helper program');
  if (!isRemoteUrl(text)) return localUrl(text, directory);
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? parseUrl(text) : parseScpLike(text);
}

/** The URL as people and git read it. */
export function formatRemoteUrl({ text }: RemoteUrl): string {
  return text;
}

function parseUrl(text: string): RemoteUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused(text, 'it is no URL');
  }
  const protocol = url.protocol.slice(0, -1);
  if (protocol === 'file') return localUrl(pathOf(url, text), '/');
  if (protocol !== 'https' && protocol !== 'http' && protocol !== 'ssh' && protocol !== 'git') {
    throw refused(text, `${protocol} is not known`, 'write https://, ssh://, git://, user@host:path or a path');
  }
  if (url.password !== '' || (url.username !== '' && protocol !== 'ssh' && looksSecret(url.username))) {
    throw new TreekeeperError('usage', 'the URL of the remote has a password or token in it', {
      hint: 'leave it out; git asks its credential helpers, or give it as TREEKEEPER_GIT_TOKEN, or as tokenFile or tokenEnv of the remote',
    });
  }
  const user = decoded(url.username, text);
  if (!safeHost.test(url.hostname) || (user !== '' && !safeUser.test(user)))
    throw refused(text, 'its host or user is no name');
  const path = decoded(url.pathname, text);
  if (/\/-/.test(path) || path.includes('::') || /\p{Cc}/u.test(path))
    throw refused(text, 'its path looks like an option');
  if (url.search !== '' || url.hash !== '') throw refused(text, 'it has a query or a fragment');
  return { protocol, text: url.href, isLocal: isLoopback(url.hostname) };
}

function parseScpLike(text: string): RemoteUrl {
  const [, user = '', host = '', path = ''] = /^([^@]*)@(\[[^\]]*\]|[^:]*):(.*)$/s.exec(text) ?? [];
  if (!safeUser.test(user) || !safeHost.test(host)) throw refused(text, 'its host or user is no name');
  if (path === '' || path.startsWith('-')) throw refused(text, 'its path looks like an option');
  return { protocol: 'ssh', text, isLocal: isLoopback(host) };
}

/** A directory. It has to be there, so that a mistyped URL is not taken for one. */
function localUrl(text: string, directory: string): RemoteUrl {
  const path = isAbsolute(text) ? text : resolve(directory, text);
  if (text === '' || text.startsWith('-')) throw refused(text, 'it looks like an option');
  if (!existsSync(path))
    throw refused(
      text,
      `there is no directory ${path}`,
      'make one with git init --bare, or write https://, ssh:// or user@host:path for a remote elsewhere',
    );
  return { protocol: 'file', text: path, isLocal: true };
}

function pathOf(url: URL, text: string): string {
  try {
    return fileURLToPath(url);
  } catch (thrown) {
    throw refused(text, reasonOf(thrown));
  }
}

/** Names and paths in a URL are UTF-8 behind percent signs; what is not has no meaning. */
function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refused(text, 'it has a percent sign that escapes nothing');
  }
}

/** Tokens stand in the place of a user too. People's names are short. */
function looksSecret(user: string): boolean {
  return user.length >= 20 || /^(gh[a-z]_|github_pat_|glpat-|x-token-auth)/.test(user);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

function refused(text: string, reason: string, hint?: string): TreekeeperError {
  const shown = text.replace(/\/\/[^@/]*@/, '//…@').replace(/\p{Cc}/gu, '?');
  return new TreekeeperError(
    'usage',
    `${shown} cannot be the URL of a remote: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}
