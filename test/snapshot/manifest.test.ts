import { expect, test } from 'vitest';
import { encodeJson } from '../../src/snapshot/attributes.ts';
import { decodeManifest, encodeManifest } from '../../src/snapshot/manifest.ts';

const plain = { root: Buffer.from('/app'), include: ['a'], exclude: [], ephemeral: 'record' } as const;

test('a manifest comes back as it was written', () => {
  for (const root of [Buffer.alloc(0), Buffer.from('/app'), Buffer.from('\xff/', 'latin1')]) {
    const manifest = { ...plain, service: 'etcd', root } as const;
    const found = decodeManifest(encodeManifest(manifest), 's');
    expect({ ...found, root: Buffer.from(found.root) }).toEqual(manifest);
  }
});

test.each([
  ['a root of text in base64', { root: { base64: 'YQ==' } }],
  ['a root in base64 with something in it that says nothing', { root: { base64: '/w =' } }],
  ['a root with more beside it', { root: { base64: '/w==', text: 'a' } }],
  ['an empty root', { root: '' }],
  ['an empty list', { include: [] }],
  ['a policy that need not be said', { ephemeral: 'skip' }],
  ['a format that there never was', { format: 0 }],
  ['half a format', { format: 0.5 }],
])('a manifest with %s was not written by treekeeper', (_what, fields) => {
  const bytes = encodeJson({ format: 1, service: 'etcd', ...fields });
  expect(() => decodeManifest(bytes, 's')).toThrow(expect.objectContaining({ code: 'integrity' }));
});
