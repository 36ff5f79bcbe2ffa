import { TreekeeperError } from '../errors.ts';
import type { Oid } from '../snapshot/objects.ts';
import { decodeTree } from '../snapshot/tree.ts';
import { type BatchAnswer, batchParser } from './batch-parser.ts';
import { gitFailure, isGitSince, leanConfig, reasonIn, runGit, spawnGit } from './process.ts';
import { contentOf, damagedObject, prove } from './prove.ts';
import type { GitObject, ObjectReader } from './reader.ts';
import { listRefs, readRef } from './refs.ts';
import type { Repository } from './repository.ts';
import { resolveName } from './resolve-name.ts';

interface Request {
  readonly oid: Oid;
  resolve(object: GitObject): void;
  reject(error: unknown): void;
}

/** Requests that have their answer and are let go together. */
const mostAnswered = 512;

/** One running `git cat-file`, and what was asked of it, in order. */
interface Session {
  readonly child: ReturnType<typeof spawnGit>;
  readonly requests: (Request | undefined)[];
}

/**
 * How git is asked. With `batch` it writes every answer in three pieces at once, and whoever reads them is woken up as often;
 * with `batch-command` it gathers them until it is told that nothing more is asked for now.
 */
const dialects = {
  batch: { args: ['--batch'], ask: (oids: readonly Oid[]) => oids.map((oid) => `${oid}\n`).join('') },
  'batch-command': {
    args: ['--batch-command', '--buffer'],
    ask: (oids: readonly Oid[]) => `${oids.map((oid) => `contents ${oid}\n`).join('')}flush\n`,
  },
} as const;

/** The first git that knows `batch-command`. */
const sinceCommands = [2, 36] as const;

/** How the git that is at hand is asked best. */
export async function bestDialect(): Promise<keyof typeof dialects> {
  return (await isGitSince(sinceCommands)) ? 'batch-command' : 'batch';
}

/**
 * Reads with git's own `cat-file`: one process for as long as the reader lives, requests in flight without limit.
 * `dialect` has to be one that this git knows.
 */
export function openNativeReader(repository: Repository, dialect: keyof typeof dialects): ObjectReader {
  const { gitDir } = repository;
  const { args, ask } = dialects[dialect];
  let session: Session | undefined;
  let unsent: Request[] = [];
  let closed = false;

  /** Everything that was asked for in one turn of the event loop goes out in one write. */
  function send(): void {
    const requests = unsent;
    unsent = [];
    if (requests.length === 0) return;
    session ??= start();
    for (const request of requests) session.requests.push(request);
    session.child.stdin.write(ask(requests.map(({ oid }) => oid)), 'latin1');
  }

  function start(): Session {
    const started: Session = {
      child: spawnGit({ gitDir, args: ['cat-file', ...args], config: leanConfig }),
      requests: [],
    };
    const { child } = started;
    const answered = requestQueue(started.requests);
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdout.on(
      'data',
      batchParser((answer) => settle(answered.next(), answer)),
    );

    // both are followed by 'close', which knows more
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      complaint ||= error.message;
    });
    child.on('close', (status, killer) => {
      const [culprit, ...others] = answered.rest();
      session = undefined;
      unsent = [...others, ...unsent];
      send();
      if (!culprit) return;

      // git exits so of an object that it cannot read, having written what it had, in order: it was the first without an answer
      if (status === 128) culprit.reject(damagedObject(culprit.oid, reasonIn(complaint) ?? 'git cannot read it'));
      else culprit.reject(gitFailure(['cat-file'], status ?? 0, complaint || `it was killed (${killer})`));
    });
    return started;
  }

  const reader: ObjectReader = {
    resolve: (name) =>
      resolveName(repository, name, {
        readRef: (ref) => readRef(gitDir, ref),
        async expand(digits) {
          const { stdout } = await runGit({ gitDir, args: ['rev-parse', `--disambiguate=${digits}`] });
          return stdout.toString().split('\n').filter(Boolean);
        },
      }),

    read(oid) {
      return new Promise((resolve, reject) => {
        if (closed) return reject(new TreekeeperError('failed', 'the reader of the repository is closed'));
        if (unsent.length === 0) setImmediate(send);
        unsent.push({ oid, resolve, reject });
      });
    },

    async ancestors(oid, most) {
      // where something is missing, to read one after another tells what
      const { stdout } = await runGit({
        gitDir,
        args: ['rev-list', '--first-parent', `--max-count=${most}`, oid],
        accept: [128],
      });
      return stdout.toString().split('\n').filter(Boolean);
    },

    refs: () => listRefs(gitDir, 'refs/'),
    readTree: async (oid) => decodeTree(await contentOf(reader.read(oid), 'tree')),
    readBlob: (oid) => contentOf(reader.read(oid), 'blob'),

    async [Symbol.asyncDispose]() {
      closed = true;
      send();
      while (session) {
        const { child } = session;
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.stdin.end();
        await ended;
      }
    },
  };
  return reader;
}

/**
 * Takes requests from the front, and lets go of them, since each holds on to its answer. The others, of which there may be
 * many thousands, are moved now and then only.
 */
function requestQueue(requests: (Request | undefined)[]): { next(): Request | undefined; rest(): Request[] } {
  let at = 0;
  return {
    next() {
      const request = requests[at];
      requests[at] = undefined;
      at += 1;
      if (at === requests.length || (at >= mostAnswered && 2 * at >= requests.length)) {
        requests.splice(0, at);
        at = 0;
      }
      return request;
    },
    rest: () => requests.slice(at).filter((request) => request !== undefined),
  };
}

function settle(request: Request | undefined, { type, content }: BatchAnswer): void {
  if (!request) return;
  const { oid, resolve, reject } = request;
  try {
    if (!content) throw damagedObject(oid, 'it is missing');
    resolve(prove(oid, type, content));
  } catch (error) {
    reject(error);
  }
}
