// The other side of packing-thread.ts: gets lists of objects, and answers each with its pack.
import { parentPort } from 'node:worker_threads';
import { packList } from './object-list.ts';

parentPort?.on('message', (list: Uint8Array) => {
  const pack = packList(list);
  parentPort?.postMessage(pack, [pack.buffer]);
});
