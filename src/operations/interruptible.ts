import type { Service } from '../services/service.ts';

/**
 * The same service, of which no answer is waited for any more once the signal came; what it is asked rejects with the
 * signal's reason then. Only creations are waited for, so that it is known what became of them.
 */
export function interruptible(service: Service, signal: AbortSignal): Service {
  return {
    ...service,
    identity: () => unlessAborted(service.identity(), signal),
    read: (options) => eachUnlessAborted(service.read(options), signal),
    mayCreate: (key) => unlessAborted(service.mayCreate(key), signal),
  };
}

function unlessAborted<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

async function* eachUnlessAborted<Item>(items: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]();
  const next = () => unlessAborted(iterator.next(), signal);
  try {
    for (let item = await next(); !item.done; item = await next()) yield item.value;
  } finally {
    // A generator ends after the item that it is asked for, which may never come.
    const ended = iterator.return?.();
    if (!signal.aborted) await ended;
    else ended?.catch(() => {});
  }
}
