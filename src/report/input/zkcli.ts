import { textOf } from '../../snapshot/bytes.ts';
import type { Attributes } from '../../snapshot/node.ts';
import type { InputFormat } from './format.ts';

/**
 * Commands for ZooKeeper's own zkCli, one a line. It has quotes and no escapes (`ARGS_PATTERN` in its ZooKeeperMain), so a
 * word with both kinds of quotes cannot be said, nor can a control character, nor what is not UTF-8. It splits ACLs at commas.
 */
export const zkcliInput: InputFormat = {
  kind: 'zookeeper',
  head: '',
  between: '',
  foot: '',

  express({ key, value, attributes }) {
    const path = textOf(key);
    if (path === '/') return { reason: 'the root node is there already' };
    const acl = aclText(attributes);
    const words = [path, value === null ? '' : textOf(value), acl ?? ''].map((text) => quoteWord(text));
    const [pathWord, valueWord, aclWord] = words;
    if (pathWord === undefined) return { reason: 'zkCli cannot be told such a key' };
    if (valueWord === undefined) return { reason: 'zkCli cannot be told such a value' };
    if (aclWord === undefined || acl === 'none') return { reason: 'zkCli cannot be told such an ACL' };
    if (value === null && acl !== undefined)
      return { text: `create -- ${pathWord}\nsetAcl -- ${pathWord} ${aclWord}\n` };
    const rest = [...(value === null ? [] : [valueWord]), ...(acl === undefined ? [] : [aclWord])];
    return { text: `${['create --', pathWord, ...rest].join(' ')}\n` };
  },
};

/** A word in quotes that it does not hold itself; `undefined` where it cannot be quoted. */
function quoteWord(text: string | undefined): string | undefined {
  if (text === undefined || /[\p{Cc}\u2028\u2029]/u.test(text)) return undefined;
  const quotes = ['"', "'"].find((mark) => !text.includes(mark));
  return quotes && quotes + text + quotes;
}

/** `scheme:id:perms,…`; `undefined` for the open ACL, `none` where it cannot be written so. */
function aclText(attributes: Attributes | undefined): string | undefined {
  if (attributes === undefined) return undefined;
  const { acl, ...others } = attributes;
  if (!Array.isArray(acl) || Object.keys(others).length > 0) return 'none';
  const entries = acl.map(({ scheme, id, perms, redacted }) =>
    redacted || [scheme, id].some((part) => String(part).includes(',')) || !/^[cdrwa]*$/.test(perms)
      ? 'none'
      : `${scheme}:${id}:${perms}`,
  );
  return entries.includes('none') ? 'none' : entries.join(',');
}
