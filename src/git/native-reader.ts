import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { decodeTree } from '../snapshot/tree.ts';
import { runGit, spawnGit } from './process.ts';
import { contentOf, damagedObject, prove } from './prove.ts';
import type { GitObject, ObjectReader } from './reader.ts';
import type { Repository } from './repository.ts';

interface Request {
  readonly oid: Oid;
  resolve(object: GitObject): void;
  reject(error: unknown): void;
}

/** One running `git cat-file --batch`, and what was asked of it, in order. */
interface Session {
  readonly child: ReturnType<typeof spawnGit>;
  readonly requests: Request[];
}

/** Reads with git's own `cat-file --batch`: one process for as long as the reader lives, requests in flight without limit. */
export function openNativeReader({ gitDir }: Repository): ObjectReader {
  let session: Session | undefined;
  let unsent: Request[] = [];
  let closed = false;

  function send(): void {
    const requests = unsent;
    unsent = [];
    if (requests.length === 0 || closed) return;
    session ??= start();
    session.requests.push(...requests);
    session.child.stdin.write(requests.map(({ oid }) => `${oid}\n`).join(''));
  }

  function start(): Session {
    const started: Session = { child: spawnGit({ gitDir, args: ['cat-file', '--batch'] }), requests: [] };
    const { child, requests } = started;
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdin.on('error', () => {
      // The end of the process says more.
    });
    child.stdout.on('data', answerParser((answer) => settle(requests.shift(), answer)));
    child.on('error', () => {
      // Followed by 'close'.
    });
    child.on('close', () => {
      session = undefined;
      // git dies of an object that is too damaged to be read. It answers in order, so it was the first one left.
      const culprit = requests.shift();
      culprit?.reject(damagedObject(culprit.oid, complaint.trim().split('\n')[0] || 'git cannot read it'));
      unsent.unshift(...requests);
      send();
    });
    return started;
  }

  const reader: ObjectReader = {
    async resolve(name) {
      if (!/^[^-\s~^:?*[\\][^\s~^:?*[\\]*$/.test(name)) return undefined;
      const args = ['rev-parse', '--verify', '--end-of-options', `${name}^{object}`];
      const { status, stdout } = await runGit({ gitDir, args, accept: [1, 128] });
      if (status === 0) return stdout.toString().trim();
      if (/^[0-9a-f]{4,39}$/.test(name) && (await isAmbiguous(name))) {
        throw new TreekeeperError('usage', `${name} is the beginning of more than one id`, { hint: 'write more of it' });
      }
      return undefined;
    },

    read(oid) {
      return new Promise((resolve, reject) => {
        if (unsent.length === 0) setImmediate(send);
        unsent.push({ oid, resolve, reject });
      });
    },

    readTree: async (oid) => decodeTree(await contentOf(reader.read(oid), 'tree')),
    readBlob: (oid) => contentOf(reader.read(oid), 'blob'),

    async [Symbol.asyncDispose]() {
      closed = true;
      const child = session?.child;
      if (!child || child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.stdin.end();
      await ended;
    },
  };
  return reader;

  async function isAmbiguous(name: string): Promise<boolean> {
    const { stdout } = await runGit({ gitDir, args: ['rev-parse', `--disambiguate=${name}`] });
    return stdout.toString().trim().split('\n').length > 1;
  }
}

interface Answer {
  readonly type: string;
  readonly content: Buffer | undefined;
}

function settle(request: Request | undefined, { type, content }: Answer): void {
  if (!request) return;
  const { oid, resolve, reject } = request;
  try {
    if (!content) throw damagedObject(oid, 'it is missing');
    resolve(prove(oid, type, content));
  } catch (error) {
    reject(error);
  }
}

/**
 * Takes the output of `cat-file --batch` apart: `<oid> <type> <size>\n<content>\n`, or `<oid> missing\n`. Chunks are
 * joined only once an object is complete, so that a large one is not copied again for each of its pieces.
 */
function answerParser(onAnswer: (answer: Answer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let available = 0;
  let wanted = 1;

  return (chunk) => {
    chunks.push(chunk);
    available += chunk.length;
    if (available < wanted) return;

    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) {
        wanted = bytes.length - at + 1;
        break;
      }
      const [, type = '', size] = bytes.toString('latin1', at, end).split(' ');
      const length = size === undefined ? 0 : Number(size) + 1;
      if (end + 1 + length > bytes.length) {
        wanted = end + 1 + length - at;
        break;
      }
      onAnswer({ type, content: size === undefined ? undefined : bytes.subarray(end + 1, end + length) });
      at = end + 1 + length;
    }
    chunks = at < bytes.length ? [bytes.subarray(at)] : [];
    available = bytes.length - at;
  };
}
