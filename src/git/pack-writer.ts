import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Oid } from '../snapshot/objects.ts';
import { type ObjectList, objectList, packList } from './object-list.ts';
import { OidSet } from './oid-set.ts';
import { objectId } from './pack.ts';
import { type PackingThread, startPackingThread } from './packing-thread.ts';
import { exitOf, gitFailure, leanConfig, spawnGit } from './process.ts';
import { openQuarantine, type Quarantine } from './quarantine.ts';
import type { ObjectType } from './reader.ts';
import type { Repository } from './repository.ts';
import { type ReadableSink, readableSink } from './sink.ts';

/** The one writer of objects. Nothing of it is in the repository before `finish`. */
export interface PackWriter extends ReadableSink {
  commit(content: Uint8Array): Oid;
  /** To be awaited now and then: waits where git is behind, so that what is not yet written stays bounded. */
  drain(): Promise<void> | undefined;
  /**
   * Makes everything durable and moves it into the repository. Throws `TreekeeperError('failed')`, and then nothing is
   * there.
   */
  finish(): Promise<void>;
  /** Drops everything that is not finished. Does nothing after `finish`. */
  abandon(): Promise<void>;
}

/*
 * A pack says in its first bytes how many objects it has, which nobody knows while a service is still being read. So
 * objects gather in memory, and each chunk of them becomes a pack, which is compressed by a thread, and checked and indexed
 * by git, while the next ones fill. Chunks grow, so that a small snapshot is one pack and a large one not a hundred; they
 * begin small, and grow slowly, since what is in the last one is waited for.
 */
const firstChunk = 2 * 1024 * 1024;
const growth = 1.25;
const largestChunk = 8 * 1024 * 1024;
/** What may wait for the thread and for git, in bytes. */
const mostWaiting = 3 * largestChunk;

/** Opens the writer. Objects in `known` are taken to be in the repository and are not written again. */
export function openPackWriter(repository: Repository, known: OidSet): PackWriter {
  const written = new OidSet();
  let chunkSize = firstChunk;
  let chunk: ObjectList | undefined;
  let thread: PackingThread | undefined;
  let quarantine: Promise<Quarantine> | undefined;
  let running: ChildProcessWithoutNullStreams | undefined;
  /** The chunks that are not yet in the repository's quarantine, the oldest first, and how many bytes they hold. */
  const unwritten: Promise<void>[] = [];
  let waiting = 0;
  let isAbandoned = false;
  /** Every chunk so far, one after the other; rejected for good once one of them fails. */
  let queue: Promise<void> = Promise.resolve();

  function emit(type: ObjectType, content: Uint8Array, oid: Oid): void {
    if (!written.add(oid)) return;
    if (chunk && !chunk.fits(content)) {
      thread ??= startPackingThread();
      flush();
    }
    chunk ??= objectList(chunkSize, content);
    chunk.add(type, content);
  }

  function flush(): void {
    if (!chunk) return;
    const list = chunk.finish();
    chunk = undefined;
    chunkSize = Math.min(chunkSize * growth, largestChunk);
    const { length } = list;
    const pack = thread ? thread.pack(list) : Promise.resolve(packList(list));
    // One that comes after a failure is waited for by nobody.
    pack.catch(() => {});
    queue = queue.then(async () => index(await pack));
    unwritten.push(queue);
    waiting += length;
    queue.then(
      () => {
        void unwritten.shift();
        waiting -= length;
      },
      () => {},
    );
  }

  async function untilFewer(): Promise<void> {
    while (waiting > mostWaiting) await unwritten[0];
  }

  async function index(pack: Uint8Array): Promise<void> {
    quarantine ??= openQuarantine(repository);
    const { env } = await quarantine;
    if (isAbandoned) throw new Error('the writer was abandoned');
    const args = ['index-pack', '--stdin', '--strict'];
    const child = spawnGit({ gitDir: repository.gitDir, args, env, config: leanConfig });
    running = child;
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    child.stdout.resume();
    child.stdin.on('error', () => {
      // git ended before it read everything; its exit status says why.
    });
    child.stdin.end(pack);
    const status = await exitOf(child, { args });
    running = undefined;
    if (status !== 0) throw gitFailure(args, status, complaint);
  }

  const sink = readableSink(known, emit);
  return {
    ...sink,

    commit(content) {
      const oid = objectId('commit', content);
      emit('commit', content, oid);
      return oid;
    },

    drain: () => (waiting > mostWaiting ? untilFewer() : undefined),

    async finish() {
      flush();
      try {
        await queue;
        await (await quarantine)?.migrate();
      } finally {
        await abandon();
      }
    },

    abandon,
  };

  async function abandon(): Promise<void> {
    isAbandoned = true;
    chunk = undefined;
    running?.kill('SIGKILL');
    await thread?.end();
    thread = undefined;
    await queue.catch(() => {});
    const opened = await quarantine?.catch(() => undefined);
    quarantine = undefined;
    await opened?.remove();
  }
}
