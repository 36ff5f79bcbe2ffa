// The other side of packing-thread.ts: gets lists of objects, and answers each with its pack.
import { parentPort } from 'node:worker_threads';
import { packList } from './object-list.ts';

parentPort?.on('message', (list: Uint8Array<ArrayBuffer>) => {
  const pack = packList(list);
  // The list goes back as well: this thread makes little garbage, and would hold on to many of them.
  parentPort?.postMessage(pack, [pack.buffer, list.buffer]);
});
