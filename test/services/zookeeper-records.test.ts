import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JuteReader, JuteWriter } from '../../src/services/zookeeper/jute.ts';
import { decodeNodeRecord } from '../../src/services/zookeeper/node-record.ts';
import {
  decodeAcl,
  decodeChildren,
  decodeConnectResponse,
  decodeMulti,
  decodeReplyHeader,
  decodeStat,
  decodeWatchEvent,
  encodeAcl,
  encodeMultiEnd,
  encodeOp,
  encodeStat,
} from '../../src/services/zookeeper/records.ts';

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const text = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const bytes = fc.uint8Array({ maxLength: 5_000 }).map((array) => Buffer.from(array));
const data = fc.option(bytes);
const stat = fc.record({
  czxid: long,
  mzxid: long,
  pzxid: long,
  ctime: long,
  mtime: long,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
});

test('whatever is written comes back, field by field, and nothing is left over', () => {
  fc.assert(
    fc.property(int, long, fc.boolean(), data, text, (a, b, c, d, e) => {
      const reader = new JuteReader(new JuteWriter().int(a).long(b).bool(c).buffer(d).string(e).finish());
      expect([reader.int(), reader.long(), reader.bool(), reader.buffer(), reader.string()]).toEqual([a, b, c, d, e]);
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('null, empty and absent strings and buffers', () => {
  const reader = new JuteReader(new JuteWriter().buffer(null).buffer(new Uint8Array()).buffer(null).finish());
  expect(reader.buffer()).toBeNull();
  expect(reader.buffer()).toEqual(Buffer.alloc(0));
  expect(reader.string()).toBe('');
});

test('a stat and an ACL come back as they were', () => {
  const acl = fc.array(fc.record({ perms: int, scheme: text, id: text }), { maxLength: 5 });
  fc.assert(
    fc.property(stat, acl, (itsStat, itsAcl) => {
      const writer = new JuteWriter();
      encodeStat(writer, itsStat);
      encodeAcl(writer, itsAcl);
      const reader = new JuteReader(writer.finish());
      expect(decodeStat(reader)).toEqual(itsStat);
      expect(decodeAcl(reader)).toEqual(itsAcl);
    }),
  );
});

test('what is kept of an answer about a node tells what it held', () => {
  fc.assert(
    fc.property(data, stat, stat, (itsData, its, other) => {
      const recordOf = (one: typeof its) => {
        const writer = new JuteWriter().buffer(itsData);
        encodeStat(writer, one);
        const reader = new JuteReader(writer.bool(true).finish());
        const record = decodeNodeRecord(reader);
        expect(reader.remaining).toBe(1);
        return record;
      };
      const record = recordOf(its);
      expect(record.data).toEqual(itsData);
      expect(record.alone().data).toEqual(itsData);
      expect(record.alone().stat).toEqual(its);
      expect(record.stat).toEqual(its);
      expect(record.isEphemeral).toBe(its.ephemeralOwner !== 0n);
      expect(record.hasChildren).toBe(its.numChildren !== 0);
      for (const name of ['czxid', 'mzxid', 'aversion', 'pzxid', 'mtime'] as const) {
        const changed = recordOf({ ...its, [name]: other[name] });
        const isEqual = its[name] === other[name];
        expect(record.isSameAs(changed)).toBe(isEqual || name === 'pzxid' || name === 'mtime');
        expect(record.hasSameChildrenAs(changed)).toBe(isEqual || name !== 'pzxid');
      }
    }),
  );
});

test('of one node that is kept alone, the rest of a large answer is not held', () => {
  const writer = new JuteWriter().buffer(Buffer.from('value'));
  encodeStat(writer, fc.sample(stat, { numRuns: 1, seed: 1 })[0] as Parameters<typeof encodeStat>[1]);
  const frame = writer.buffer(Buffer.alloc(1024 * 1024)).finish();
  const record = decodeNodeRecord(new JuteReader(frame));
  expect(record.data?.buffer.byteLength).toBeGreaterThan(1024 * 1024);
  expect(record.alone().data?.buffer.byteLength).toBeLessThan(64 * 1024);
});

test('many answers in one frame come back in order, errors among them', () => {
  const answer = fc.oneof(
    fc.record({ op: fc.constant(4), error: fc.constant(0), request: bytes }),
    fc.record({ op: fc.constant(-1), error: int.filter((code) => code !== 0), request: fc.constant(Buffer.alloc(0)) }),
  );
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 20 }), (answers) => {
      const writer = new JuteWriter();
      for (const { op, error, request } of answers) {
        encodeOp(writer, op);
        if (op === -1) writer.int(error);
        else writer.buffer(request);
      }
      encodeMultiEnd(writer);
      const decoded = decodeMulti(new JuteReader(writer.finish()), (reader) => reader.buffer());
      expect(decoded).toEqual(
        answers.map(({ op, error, request }) =>
          op === -1 ? { error, answer: undefined } : { error: 0, answer: request },
        ),
      );
    }),
  );
});

test('an answer that is cut off anywhere, or is noise, is a RangeError and never half of an answer', () => {
  const decoders = [
    (frame: Buffer) => decodeNodeRecord(new JuteReader(frame)),
    (frame: Buffer) => decodeChildren(new JuteReader(frame)),
    (frame: Buffer) => decodeAcl(new JuteReader(frame)),
    (frame: Buffer) => decodeReplyHeader(new JuteReader(frame)),
    (frame: Buffer) => decodeWatchEvent(new JuteReader(frame)),
    (frame: Buffer) => decodeMulti(new JuteReader(frame), decodeNodeRecord),
    (frame: Buffer) => decodeConnectResponse(frame),
  ];
  const whole = (() => {
    const writer = new JuteWriter().buffer(Buffer.from('value'));
    encodeStat(writer, fc.sample(stat, { numRuns: 1, seed: 1 })[0] as Parameters<typeof encodeStat>[1]);
    return writer.finish();
  })();
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeNodeRecord(new JuteReader(whole.subarray(0, length)))).toThrow(RangeError);
  }
  for (const length of [-2, -(2 ** 31)]) {
    const lying = Buffer.from(whole);
    lying.writeInt32BE(length, 0);
    expect(() => decodeNodeRecord(new JuteReader(lying))).toThrow(RangeError);
  }
  fc.assert(
    fc.property(bytes, fc.constantFrom(...decoders), (noise, decode) => {
      try {
        decode(noise);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RangeError);
      }
    }),
  );
});
