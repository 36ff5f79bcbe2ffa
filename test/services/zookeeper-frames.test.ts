import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameReader, NotZookeeper } from '../../src/services/zookeeper/frames.ts';
import { JuteWriter } from '../../src/services/zookeeper/jute.ts';

test('frames come whole and in order, however the stream is cut', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
  fc.assert(
    fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sent, cuts) => {
      const writer = new JuteWriter();
      for (const frame of sent) writer.buffer(frame);
      const stream = writer.finish();
      const came: Buffer[] = [];
      const feed = frameReader((frame) => came.push(frame));
      for (let at = 0; at < stream.length; ) {
        const end = at + cuts.next().value;
        feed(stream.subarray(at, end));
        at = end;
      }
      expect(came).toEqual(sent.map((frame) => Buffer.from(frame)));
    }),
  );
});

test('a frame that spans several chunks keeps none of them', () => {
  const came: Buffer[] = [];
  const feed = frameReader((frame) => came.push(frame));
  const stream = new JuteWriter().buffer(Buffer.alloc(100_000, 'x')).buffer(Buffer.from('next')).finish();
  feed(Buffer.from(stream.subarray(0, 50_000)));
  feed(Buffer.from(stream.subarray(50_000)));
  expect(came.map(({ length }) => length)).toEqual([100_000, 4]);
  expect(came[0]?.buffer.byteLength).toBe(100_000);
});

test('a length that no ZooKeeper sends is refused before anything is held', () => {
  for (const length of [-1, 1024 ** 3]) {
    const feed = frameReader(() => {});
    expect(() => feed(new JuteWriter().int(length).finish())).toThrow(NotZookeeper);
  }
});
