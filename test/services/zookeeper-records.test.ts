import fc from 'fast-check';
import { expect, test } from 'vitest';
import { juteReader, juteWriter } from '../../src/services/zookeeper/jute.ts';
import {
  decodeAcl,
  decodeChildren,
  decodeConnectResponse,
  decodeData,
  decodeMulti,
  decodeReplyHeader,
  decodeStat,
  decodeWatchEvent,
  encodeAcl,
  encodeMulti,
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
      const reader = juteReader(juteWriter().int(a).long(b).bool(c).buffer(d).string(e).finish());
      expect([reader.int(), reader.long(), reader.bool(), reader.buffer(), reader.string()]).toEqual([a, b, c, d, e]);
      expect(reader.remaining).toBe(0);
    }),
  );
});

test('null, empty and absent strings and buffers', () => {
  const reader = juteReader(juteWriter().buffer(null).buffer(new Uint8Array()).buffer(null).finish());
  expect(reader.buffer()).toBeNull();
  expect(reader.buffer()).toEqual(Buffer.alloc(0));
  expect(reader.string()).toBe('');
});

test('a stat and an ACL come back as they were', () => {
  const acl = fc.array(fc.record({ perms: int, scheme: text, id: text }), { maxLength: 5 });
  fc.assert(
    fc.property(stat, acl, (itsStat, itsAcl) => {
      const writer = juteWriter();
      encodeStat(writer, itsStat);
      encodeAcl(writer, itsAcl);
      const reader = juteReader(writer.finish());
      expect(decodeStat(reader)).toEqual(itsStat);
      expect(decodeAcl(reader)).toEqual(itsAcl);
    }),
  );
});

test('many answers in one frame come back in order, errors among them', () => {
  const answer = fc.oneof(
    fc.record({ op: fc.constant(4), error: fc.constant(0), request: bytes }),
    fc.record({ op: fc.constant(-1), error: int.filter((code) => code !== 0), request: fc.constant(Buffer.alloc(0)) }),
  );
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 20 }), (answers) => {
      const body = ({ op, error, request }: (typeof answers)[number]) =>
        op === -1 ? juteWriter().int(error).finish() : juteWriter().buffer(request).finish();
      const frame = encodeMulti(answers.map((one) => ({ op: one.op, request: body(one) })));
      const decoded = decodeMulti(juteReader(frame), (reader) => reader.buffer());
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
    (frame: Buffer) => decodeData(juteReader(frame)),
    (frame: Buffer) => decodeChildren(juteReader(frame)),
    (frame: Buffer) => decodeAcl(juteReader(frame)),
    (frame: Buffer) => decodeReplyHeader(juteReader(frame)),
    (frame: Buffer) => decodeWatchEvent(juteReader(frame)),
    (frame: Buffer) => decodeMulti(juteReader(frame), decodeData),
    (frame: Buffer) => decodeConnectResponse(frame),
  ];
  const whole = (() => {
    const writer = juteWriter().buffer(Buffer.from('value'));
    encodeStat(writer, fc.sample(stat, { numRuns: 1, seed: 1 })[0] as Parameters<typeof encodeStat>[1]);
    return writer.finish();
  })();
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeData(juteReader(whole.subarray(0, length)))).toThrow(RangeError);
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
