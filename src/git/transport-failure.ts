import { type ErrorCode, TreekeeperError } from '../errors.ts';
import type { RemoteUrl } from './remote-url.ts';

/** What git and the remote say when something goes wrong, what it means, and what to do about it. First match counts. */
const failures: readonly { readonly pattern: RegExp; readonly fact: string; readonly hint: string }[] = [
  {
    pattern: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    fact: 'its host key is not known, or is another one than before',
    hint: 'compare it with what its operator publishes, and put it into known_hosts: `ssh-keyscan HOST`',
  },
  {
    pattern: /Permission denied \(|Too many authentication failures/,
    fact: 'it refuses the ssh key',
    hint: 'is the key in the agent, or named in ~/.ssh/config or GIT_SSH_COMMAND, and known at the host?',
  },
  {
    pattern: /Authentication failed|could not read (Username|Password)|returned error: 401|terminal prompts disabled/,
    fact: 'it wants other credentials (401)',
    hint: 'set up a git credential helper, or give a token as TREEKEEPER_GIT_TOKEN, or as tokenFile or tokenEnv of the remote',
  },
  {
    pattern: /returned error: 403|HTTP 403/,
    fact: 'it does not allow that with these credentials (403)',
    hint: 'the user or token needs the right to write to that repository',
  },
  {
    pattern: /returned error: 413|HTTP 413/,
    fact: 'it takes no request of that size (413)',
    hint: 'raise the limit at the host (client_max_body_size in nginx), or push over ssh',
  },
  {
    pattern: /returned error: 404|not found|does not appear to be a git repository|no such repository|not exported/i,
    fact: 'there is no such repository, or it is not shown to us',
    hint: 'make it there first, and check the URL and the rights',
  },
  {
    pattern: /returned error: 5\d\d|HTTP 5\d\d/,
    fact: 'it has an error of its own',
    hint: 'its operator has to look; nothing is half done',
  },
  {
    pattern: /Could not resolve host|Temporary failure in name resolution|Name or service not known/,
    fact: 'the name of the host cannot be resolved',
    hint: 'is it spelt right, and is there a network?',
  },
  {
    pattern: /block timeout|Operation too slow|timed out|Operation timed out/i,
    fact: 'it said nothing for too long',
    hint: 'is it up, and is a firewall between? --timeout gives it longer',
  },
  {
    pattern: /Connection refused|Failed to connect|unable to connect|No route to host|Network is unreachable/i,
    fact: 'it cannot be reached',
    hint: 'is it up, and is that its port?',
  },
  {
    pattern: /certificate|SSL|TLS/,
    fact: 'its certificate is not trusted',
    hint: 'http.sslCAInfo of your git configuration, or GIT_SSL_CAINFO, names the authority',
  },
  {
    pattern: /transport '.*' not allowed/,
    fact: 'another protocol than that of its URL was asked for',
    hint: 'does a redirect, or insteadOf in your git configuration, lead elsewhere?',
  },
  {
    pattern: /remote end hung up|early EOF|unexpected disconnect|Connection reset|RPC failed|Broken pipe|hung up/i,
    fact: 'the connection broke off',
    hint: 'nothing is half done; try again',
  },
];

/** The error for a conversation with a remote that failed. `said` is everything that git wrote. */
export function transportFailure(
  code: ErrorCode,
  { text }: RemoteUrl,
  said: string,
  secrets: readonly string[],
): TreekeeperError {
  const clean = redact(said, secrets);
  const line = complaint(clean);
  const known = failures.find(({ pattern }) => pattern.test(clean));
  const fact = known ? known.fact : 'it failed';
  return new TreekeeperError(code, `${text}: ${fact}${line === undefined ? '' : `: ${line}`}`, {
    hint: known?.hint ?? 'nothing is half done; try again',
  });
}

/** Text without the secrets, as they are and as URLs and headers write them, and without what looks like one. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets.filter(Boolean)) {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
      clean = clean.replaceAll(form, '…');
  }
  return clean.replace(/\/\/[^\s/@]+:[^\s/@]+@/g, '//…@').replace(/(authorization:\s*\w+\s+)\S+/gi, '$1…');
}

/** The one line of many that says why. */
function complaint(said: string): string | undefined {
  const lines = said.split(/[\r\n]+/).map((line) => line.trim());
  const line =
    lines.find((text) => /^(fatal|error|remote: error|ERROR):? /.test(text)) ??
    lines.find((text) => text.startsWith('remote: ')) ??
    lines.find((text) => text !== '');
  return line
    ?.replace(/^(fatal|error|ERROR): /, '')
    .replace(/\p{Cc}/gu, '?')
    .slice(0, 200);
}
