import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBinary } from './binaries.ts';
import { freePorts, startServer, temporaryDirectory } from './process.ts';

/** An empty bare repository as a careful host has it. With `refusal`, a hook refuses every push and says that. */
export function bareRemote(path: string, refusal?: string): string {
  const git = (...args: string[]) => execFileSync('git', ['-C', path, ...args], { stdio: 'pipe' });
  mkdirSync(path, { recursive: true });
  git('init', '--quiet', '--bare', '--initial-branch=main');
  for (const setting of ['receive.fsckObjects', 'receive.denyNonFastForwards', 'http.receivepack'])
    git('config', setting, 'true');
  if (refusal !== undefined) {
    const hook = join(path, 'hooks', 'pre-receive');
    writeFileSync(hook, `#!/bin/sh\necho '${refusal}' >&2\nexit 1\n`);
    chmodSync(hook, 0o755);
  }
  return path;
}

/** What an HTTP host does instead of its work. */
export type Fault = { readonly status: number } | 'hang' | { readonly cutAfter: number };

export interface GitHost extends AsyncDisposable {
  /** Of the repository `name` below the host's directory. */
  url(name: string): string;
}

export interface HttpHost extends GitHost {
  /** From now on, until it is set to `undefined`. */
  fault: Fault | undefined;
  /** Method and path of every request so far. */
  readonly requests: string[];
}

/** `git http-backend` behind a real HTTP server with basic authentication: any user, this password. */
export async function startHttpHost(directory: string, password: string): Promise<HttpHost> {
  const requests: string[] = [];
  const host = { fault: undefined as Fault | undefined, requests };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const { fault } = host;
    const given = Buffer.from(request.headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
    if (fault === 'hang') return;
    if (fault && 'status' in fault) response.writeHead(fault.status).end('no');
    else if (given.slice(given.indexOf(':') + 1) !== password)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    else serve(directory, request, response, fault?.cutAfter);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(host, {
    url: (name: string) => `http://127.0.0.1:${port}/${name}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** One request as CGI (RFC 3875); with `cutAfter` the connection ends after so many bytes of the request's body. */
function serve(root: string, request: IncomingMessage, response: ServerResponse, cutAfter: number | undefined): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://host');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'user',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  });
  let received = 0;
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (cutAfter !== undefined && received > cutAfter) {
      child.kill('SIGKILL');
      request.socket.destroy();
    } else {
      child.stdin.write(chunk);
    }
  });
  request.on('end', () => child.stdin.end());
  child.stdin.on('error', () => {});
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.on('close', () => {
    const all = Buffer.concat(output);
    const end = all.indexOf('\r\n\r\n');
    const headers = all.subarray(0, end).toString().split('\r\n');
    for (const line of headers) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else if (name) response.setHeader(name, value);
    }
    response.end(all.subarray(end + 4));
  });
}

/** git's own daemon, which lets everybody push. */
export async function startGitDaemon(directory: string): Promise<GitHost> {
  const [port = 0] = await freePorts(1);
  // `git daemon` would start it as a child, which outlives a git that is stopped.
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const args = ['--reuseaddr', '--export-all', '--enable=receive-pack', '--listen=127.0.0.1'];
  const server = await startServer(
    program,
    [...args, `--port=${port}`, `--base-path=${directory}`, directory],
    directory,
    () => accepts(port),
  );
  return {
    url: (name) => `git://127.0.0.1:${port}/${name}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export interface SshHost extends GitHost {
  /** An ssh command that shows the right key, knows this host and nobody else, and asks nobody. */
  readonly sshCommand: string;
  /** The same without knowing the host. */
  readonly strangerCommand: string;
  /** The same with a key that the host does not know. */
  readonly wrongKeyCommand: string;
}

const fetched = fileURLToPath(new URL('../../.servers/root/usr/lib', import.meta.url));
const architecture = existsSync(fetched) ? readdirSync(fetched).find((name) => name.endsWith('-linux-gnu')) : undefined;
const libraries = join(fetched, architecture ?? '');
const sshd = [
  findBinary('sshd'),
  fileURLToPath(new URL('../../.servers/root/usr/sbin/sshd', import.meta.url)),
  '/usr/sbin/sshd',
].find((path) => path !== undefined && existsSync(path));

export const hasSshd = sshd !== undefined;

/** A real sshd on loopback, for the user who runs the tests, with keys made for the occasion. */
export async function startSshHost(directory: string): Promise<SshHost> {
  const home = await temporaryDirectory();
  const [port = 0] = await freePorts(1);
  const key = (name: string) => {
    const path = join(home.path, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    return path;
  };
  const [hostKey, userKey, otherKey] = [key('host'), key('user'), key('other')];
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${userKey}.pub`,
    `PidFile ${join(home.path, 'pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'MaxStartups 100',
  ];
  writeFileSync(join(home.path, 'sshd_config'), `${settings.join('\n')}\n`);
  const known = join(home.path, 'known_hosts');
  writeFileSync(known, `[127.0.0.1]:${port} ${readFileSync(`${hostKey}.pub`, 'utf8')}`);

  // An sshd that is run by root drops its rights to a user of its own, who need not exist on this machine.
  const users = join(home.path, 'passwd');
  const groups = join(home.path, 'group');
  writeFileSync(users, `${readFileSync('/etc/passwd', 'utf8')}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`);
  writeFileSync(groups, readFileSync('/etc/group'));
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const environment = [
    `LD_LIBRARY_PATH=${libraries}`,
    `LD_PRELOAD=${join(libraries, 'libnss_wrapper.so')}`,
    `NSS_WRAPPER_PASSWD=${users}`,
    `NSS_WRAPPER_GROUP=${groups}`,
  ];
  const args = [...environment, sshd ?? 'sshd', '-D', '-e', '-f', join(home.path, 'sshd_config')];
  const server = await startServer('env', args, home.path, () => accepts(port));
  const command = (identity: string, hosts: string) =>
    `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=${hosts} -i ${identity}`;
  return {
    url: (name) => `ssh://127.0.0.1:${port}${join(directory, name)}`,
    sshCommand: command(userKey, known),
    strangerCommand: command(userKey, '/dev/null'),
    wrongKeyCommand: command(otherKey, known),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
