import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FieldReader, MessageWriter } from '../../src/services/etcd/protobuf.ts';

const content = fc.uint8Array({ minLength: 1, maxLength: 20_000 }).map((bytes) => Buffer.from(bytes));
const number = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

test('fields come back as they were written, messages within messages', () => {
  fc.assert(
    fc.property(content, number, fc.nat(500), fc.array(content, { maxLength: 4 }), (value, large, small, inner) => {
      const writer = new MessageWriter().bytes(1, value).int(2, large).oneOfInt(3, 0).int(4, small).int(5, 0);
      writer.message(6, () => {
        for (const one of inner) writer.message(7, () => writer.bytes(1, one));
      });
      const fields = new FieldReader(writer.message(8, () => {}).finish());

      expect([fields.next(), fields.bytes()]).toEqual([1, value]);
      expect([fields.next(), fields.int()]).toEqual([2, large]);
      expect([fields.next(), fields.int()]).toEqual([3, 0n]);
      if (small > 0) expect([fields.next(), fields.int()]).toEqual([4, BigInt(small)]);
      expect(fields.next()).toBe(6);
      const within = fields.message();
      for (const one of inner) {
        expect(within.next()).toBe(7);
        const innermost = within.message();
        expect([innermost.next(), innermost.bytes(), innermost.next()]).toEqual([1, one, 0]);
      }
      expect(within.next()).toBe(0);
      expect([fields.next(), fields.message().next(), fields.next()]).toEqual([8, 0, 0]);
    }),
  );
});

test('what is not asked for is passed over, and what is cut off anywhere is a RangeError', () => {
  const message = new MessageWriter()
    .bytes(1, Buffer.from('value'))
    .int(2, 2n ** 40n)
    .message(3, (one) => one.int(1, 9))
    .finish();
  const readAll = (bytes: Buffer) => {
    const numbers: number[] = [];
    const fields = new FieldReader(bytes);
    for (let field = fields.next(); field !== 0; field = fields.next()) {
      numbers.push(field);
      fields.skip();
    }
    return numbers;
  };
  expect(readAll(message)).toEqual([1, 2, 3]);
  const ends = new Set([0, 7, 14]);
  for (let length = 0; length < message.length; length++) {
    if (ends.has(length)) readAll(message.subarray(0, length));
    else expect(() => readAll(message.subarray(0, length)), `${length}`).toThrow(RangeError);
  }
});

test('a message within does not reach beyond its end', () => {
  const message = new MessageWriter()
    .message(1, (one) => one.bytes(1, Buffer.from('within')))
    .bytes(2, Buffer.from('behind'))
    .finish();
  // The inner length says more than the message has.
  message[message.indexOf('within') - 1] = 9;
  const fields = new FieldReader(message);
  fields.next();
  const within = fields.message();
  within.next();
  expect(() => within.bytes()).toThrow(RangeError);
});

test('zeros in the place of a field are no end of the message', () => {
  const whole = new MessageWriter().bytes(1, Buffer.from('key')).bytes(5, Buffer.from('value')).finish();
  const fields = new FieldReader(Buffer.concat([whole.subarray(0, 5), Buffer.alloc(2), whole.subarray(5)]));
  expect([fields.next(), fields.bytes().toString()]).toEqual([1, 'key']);
  expect(() => fields.next()).toThrow(RangeError);
});

test('a field is read as what it is, and as nothing else', () => {
  const fieldsOf = (message: Buffer) => {
    const fields = new FieldReader(message);
    fields.next();
    return fields;
  };
  const number = new MessageWriter().int(1, 2).bytes(2, Buffer.from('behind')).finish();
  const text = new MessageWriter().bytes(1, Buffer.from('text')).finish();
  expect(() => fieldsOf(number).bytes()).toThrow(RangeError);
  expect(() => fieldsOf(number).message()).toThrow(RangeError);
  expect(() => fieldsOf(text).int()).toThrow(RangeError);
  expect(() => fieldsOf(text).bool()).toThrow(RangeError);
});
