import { expect, test } from 'vitest';
import { decodeTrailers, encodeMessage } from '../../src/snapshot/message.ts';

test('a trailer holds any text, and only its own', () => {
  for (const text of [
    'a\u2028Nodes: 8',
    'a\u2029',
    'a\nNodes: 8',
    'a\r\n\r\nStore: other',
    '\x85Nodes: 8',
    'Nodes: 8',
  ]) {
    const counts = { added: 0, changed: 0, removed: 0, unreadable: 0, nodes: 7, skipped: new Map() };
    const read = { service: 'dir', consistency: 'exact', identity: text, revision: undefined, hidden: undefined };
    const trailers = decodeTrailers(encodeMessage({ store: 's', source: text, ...counts, ...read }, '1.0.0'));
    expect([...trailers.keys()]).toEqual([
      ...['Store', 'Service', 'Source', 'Identity', 'Consistency', 'Complete', 'Nodes', 'Tool'],
    ]);
    expect([trailers.get('Store'), trailers.get('Nodes'), trailers.get('Complete')]).toEqual(['s', '7', 'yes']);
  }
});
