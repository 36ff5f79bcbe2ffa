import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node } from '../../src/snapshot/node.ts';
import { latin1 } from '../../src/snapshot/paths.ts';
import { hostileKeys, hostileTrees } from './hostile.ts';
import { bytes, createWithParents, leaf, names, plain, readAll, type Subject } from './subject.ts';

/** Keys and trees that have broken tools before, and any others: what the service does not refuse comes back as it went in. */
export function testTrees(subject: Subject): void {
  test.each(hostileKeys)('keeps a key with %s, or refuses it', async (_why, name) => {
    await using opened = await subject.open();
    const { service } = opened;
    const node = leaf(opened.key(name), Buffer.from(name, 'latin1'));
    const created = await createWithParents(service, node);
    if (service.refuse(node) !== undefined) {
      expect(created).toEqual({ status: 'failed', reason: service.refuse(node) });
      expect(names(await readAll(service))).not.toContain(latin1(node.key));
      return;
    }
    expect(created).toEqual({ status: 'created' });
    const found = (await readAll(service)).nodes.find(({ key }) => latin1(key) === latin1(node.key));
    expect(found && plain(found)).toEqual(plain(node));
    expect(bytes(await opened.witness(node.key))).toEqual(bytes(node.value));
  });

  test.each(hostileTrees)('keeps %s apart, as far as it can hold them', async (_what, tree) => {
    await using opened = await subject.open();
    const { service } = opened;
    const created = new Map<string, Node>();
    for (const [name, value] of Object.entries(tree)) {
      const node = leaf(opened.key(name), Buffer.from(value));
      const outcome = await createWithParents(service, node);
      if (outcome.status === 'created') created.set(latin1(node.key), node);
      // The node above another stands already, for that one, where it was made room for.
      else if (outcome.status === 'failed' && service.traits.valueAndChildren)
        expect(outcome.reason).toBe(service.refuse(node));
    }
    const found = new Map((await readAll(service)).nodes.map((node) => [latin1(node.key), node]));
    for (const [name, node] of created) {
      expect(plain(found.get(name) as Node)).toEqual(plain(node));
      expect(bytes(await opened.witness(node.key))).toEqual(bytes(node.value));
    }
    expect(created.size).toBeGreaterThan(0);
  });

  test('any tree that the service does not refuse comes back as it went in', async () => {
    const segment = fc.oneof(
      fc.constantFrom('a', 'b', 'A', '', '.', '..', '%', 'x.gpg'),
      fc
        .uint8Array({ minLength: 1, maxLength: 12 })
        .map((random) => Buffer.from(random).toString('latin1').replaceAll('/', '')),
    );
    const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
    const value = fc.uint8Array({ maxLength: 200 });
    const trees = fc.uniqueArray(fc.tuple(key, value), { minLength: 1, maxLength: 40, selector: ([name]) => name });
    await fc.assert(
      fc.asyncProperty(trees, async (tree) => {
        await using opened = await subject.open();
        const { service } = opened;
        const created = new Map<string, Node>();
        for (const [name, content] of tree.toSorted(([a], [b]) => a.length - b.length)) {
          const node = leaf(opened.key(name), content);
          const outcome = await createWithParents(service, node);
          if (outcome.status === 'created') created.set(latin1(node.key), node);
          else if (service.traits.valueAndChildren)
            expect(service.refuse(node)).toBe((outcome as { reason?: string }).reason);
        }
        const found = new Map((await readAll(service)).nodes.map((node) => [latin1(node.key), node]));
        for (const [name, node] of created) expect(plain(found.get(name) as Node)).toEqual(plain(node));
      }),
      { numRuns: 8 },
    );
  });
}
