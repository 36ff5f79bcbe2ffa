import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { reasonOf, TreekeeperError } from '../errors.ts';

/** Makes packs on another core. */
export interface PackingThread {
  /** The pack of an `ObjectList`, which is given away. In the order of the calls. Rejects with `TreekeeperError('failed')`. */
  pack(list: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  /** What is not packed by then never is. */
  end(): Promise<void>;
}

interface Waiting {
  resolve(pack: Uint8Array): void;
  reject(error: unknown): void;
}

/** Starts a thread, which keeps the process alive until it is ended. */
export function startPackingThread(): PackingThread {
  // The built file, also where this one runs from its source: a thread of Node reads JavaScript only.
  const worker = new Worker(createRequire(import.meta.url).resolve('#packing-thread'), {
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
  });
  const waiting: Waiting[] = [];
  let failure: TreekeeperError | undefined;

  function fail(cause: unknown): void {
    failure ??= new TreekeeperError('failed', `the thread that compresses objects has ended: ${reasonOf(cause)}`, {
      cause,
    });
    for (const { reject } of waiting.splice(0)) reject(failure);
  }

  worker.on('message', (pack: Uint8Array) => waiting.shift()?.resolve(pack));
  worker.on('messageerror', fail);
  worker.on('error', fail);
  worker.on('exit', (code) => fail(`exit code ${code}`));

  return {
    pack: (list) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        waiting.push({ resolve, reject });
        worker.postMessage(list, [list.buffer]);
      }),
    end: async () => void (await worker.terminate()),
  };
}
