import { textOf } from '../../snapshot/bytes.ts';
import type { InputFormat } from './format.ts';

/** What `consul kv import` reads and `consul kv export` writes. The flags are a number of 64 bits, as they are digit by digit. */
export const consulInput: InputFormat = {
  kind: 'consul',
  head: '[',
  between: ',',
  foot: '\n]\n',

  express({ key, value, attributes = {} }) {
    const { flags = '0', ...others } = attributes;
    const [other] = Object.keys(others);
    const text = textOf(key);
    if (value === null) return { reason: 'Consul has no nodes without a value' };
    if (other !== undefined || typeof flags !== 'string' || !/^\d+$/.test(flags))
      return { reason: `Consul cannot hold the attribute ${other ?? 'flags'}` };
    if (text === undefined) return { reason: 'JSON cannot hold a key that is not UTF-8' };
    if (text === '' || text.startsWith('/'))
      return { reason: 'a key of Consul does not begin with a slash, and is not empty' };
    const base64 = Buffer.from(value).toString('base64');
    return { text: `\n  {"key": ${JSON.stringify(text)}, "flags": ${flags}, "value": "${base64}"}` };
  },
};
