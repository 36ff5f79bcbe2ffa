/** One key of Consul as the list of keys has it. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Unsigned, 64 bits. */
  readonly flags: bigint;
  /** The session that holds the key's lock. */
  readonly session: string | undefined;
  /**
   * The key is not UTF-8, so that the list cannot hold it: Consul writes the escape `\ufffd` for each byte that does not
   * fit, and here 0xFF stands for it, which is in no key that can be told. A U+FFFD that really is in a key comes as it is.
   */
  readonly garbled: boolean;
}

/** Reads a list of keys from pieces of any size. */
export interface Scanner {
  /** The entries that are complete with this piece. Throws `SyntaxError` as soon as it can be no such list. */
  push(piece: Buffer): Entry[];
  /** To be called after the last piece. Throws `SyntaxError` where the list is not complete. */
  end(): void;
}

/** An entry of Consul has half a megabyte unless configured otherwise; something without an end is none. */
const largestEntry = 256 * 1024 * 1024;

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
const literal = /^(?:null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?)$/;
const surrogate = /\p{Cs}/u;

/**
 * A scanner of what `GET /v1/kv/?recurse` answers: a JSON array of flat objects. `JSON.parse` rounds the flags, and wants
 * the whole list as one string, which ends at half a gigabyte; here one entry is held at a time.
 */
export function openScanner(): Scanner {
  let state: 'start' | 'first' | 'entry' | 'next' | 'done' = 'start';
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let bytes: Buffer = Buffer.alloc(0);
  let at = 0;

  /** Takes the next token: a bracket, a comma or a whole entry. False where the bytes end before it does. */
  function step(entries: Entry[]): boolean {
    at = skipSpace(at);
    if (at >= bytes.length) return false;
    const byte = bytes[at];

    if (state === 'start' && byte === openBracket) state = 'first';
    else if (state === 'next' && byte === comma) state = 'entry';
    else if ((state === 'next' || state === 'first') && byte === closeBracket) state = 'done';
    else if ((state === 'entry' || state === 'first') && byte === openBrace) {
      const entry = readEntry();
      if (entry === undefined) return false;
      entries.push(entry);
      state = 'next';
      return true;
    } else throw new SyntaxError(state === 'start' ? 'it is no list' : `unexpected ${show(byte)} in the list`);

    at += 1;
    return true;
  }

  /** From its opening brace on, which `at` is at; afterwards it is behind the closing one. */
  function readEntry(): Entry | undefined {
    let key: { readonly bytes: Uint8Array; readonly garbled: boolean } | undefined;
    let value: Uint8Array | undefined;
    let flags = 0n;
    let session: string | undefined;

    for (let position = at; ; ) {
      const nameStart = skipSpace(position + 1);
      if (!isAt(nameStart, quote)) return undefined;
      const nameEnd = endOfString(nameStart);
      if (nameEnd < 0) return undefined;
      const colonAt = skipSpace(nameEnd);
      if (!isAt(colonAt, colon)) return undefined;

      const start = skipSpace(colonAt + 1);
      const isString = bytes[start] === quote;
      const isValue = isString && isName(nameStart, nameEnd, 'Value');
      const end = isValue ? endOfValue(start) : isString ? endOfString(start) : endOfLiteral(start);
      if (end < 0) return undefined;

      if (isValue) value = decodeValue(start, end);
      else if (isName(nameStart, nameEnd, 'Key') && isString) key = decodeKey(start, end);
      else if (isName(nameStart, nameEnd, 'Flags')) flags = decodeFlags(start, end);
      else if (isName(nameStart, nameEnd, 'Session') && isString) session = decodeString(start, end) || undefined;
      else if (isName(nameStart, nameEnd, 'Value') && bytes.toString('latin1', start, end) === 'null')
        value = Buffer.alloc(0);

      position = skipSpace(end);
      if (position >= bytes.length) return undefined;
      if (bytes[position] === comma) continue;
      if (bytes[position] !== closeBrace) throw new SyntaxError(`unexpected ${show(bytes[position])} in an entry`);
      if (key === undefined || value === undefined) throw new SyntaxError('an entry has no key and value');
      at = position + 1;
      return { key: key.bytes, value, flags, session, garbled: key.garbled };
    }
  }

  function skipSpace(from: number): number {
    let position = from;
    for (; position < bytes.length; position++) {
      const byte = bytes[position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    }
    return position;
  }

  /** False at the end of the bytes, where it may still come. */
  function isAt(position: number, wanted: number): boolean {
    if (position < bytes.length && bytes[position] !== wanted)
      throw new SyntaxError(`${show(bytes[position])} in an entry where there should be ${show(wanted)}`);
    return position < bytes.length;
  }

  function isName(start: number, end: number, name: string): boolean {
    if (end - start !== name.length + 2) return false;
    for (let index = 0; index < name.length; index++)
      if (bytes[start + 1 + index] !== name.charCodeAt(index)) return false;
    return true;
  }

  /** Each of these answers the position behind, or -1 where the bytes end before. */
  function endOfString(start: number): number {
    for (let position = start + 1; position < bytes.length; position++) {
      const byte = bytes[position] ?? 0;
      if (byte === quote) return position + 1;
      if (byte === backslash) position += 1;
      else if (byte < 0x20) throw new SyntaxError('a string has a control character in it');
    }
    return -1;
  }

  /** Base64 has nothing to escape, and its end is found faster; an encoder may still have escaped its slashes. */
  function endOfValue(start: number): number {
    const end = bytes.indexOf(quote, start + 1) + 1;
    return end > 0 && bytes[end - 2] === backslash ? endOfString(start) : end || -1;
  }

  function endOfLiteral(start: number): number {
    let position = start;
    for (; position < bytes.length; position++) {
      const byte = bytes[position] ?? 0;
      if (byte === comma || byte === closeBrace || byte <= 0x20) break;
    }
    if (position === bytes.length) return -1;
    if (!isDigits(start, position) && !literal.test(bytes.toString('latin1', start, position)))
      throw new SyntaxError('an entry is not flat');
    return position;
  }

  function isDigits(start: number, end: number): boolean {
    if (end - start > 1 && bytes[start] === 0x30) return false;
    for (let position = start; position < end; position++) {
      const byte = bytes[position] ?? 0;
      if (byte < 0x30 || byte > 0x39) return false;
    }
    return end > start;
  }

  function decodeKey(start: number, end: number): { bytes: Uint8Array; garbled: boolean } {
    const raw = bytes.subarray(start + 1, end - 1);
    if (!raw.includes(backslash)) return { bytes: Buffer.from(raw), garbled: false };
    const marked = raw.toString().replace(/\\(?:ufffd|.)/gi, (found) => (found.length > 2 ? '\\udfff' : found));
    const parts = (JSON.parse(`"${marked}"`) as string).split(surrogate);
    return { bytes: Buffer.from(parts.map(latin1Of).join('\xff'), 'latin1'), garbled: parts.length > 1 };
  }

  function decodeString(start: number, end: number): string {
    return JSON.parse(bytes.toString('utf8', start, end));
  }

  function decodeValue(start: number, end: number): Uint8Array {
    const raw = bytes.toString('latin1', start + 1, end - 1);
    const text = raw.includes('\\') ? decodeString(start, end) : raw;
    const value = Buffer.from(text, 'base64');
    // Node passes over what is no base64, so that its result is too short.
    const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
    if (value.length !== (text.length / 4) * 3 - padding) throw new SyntaxError('a value is not base64');
    return value;
  }

  function decodeFlags(start: number, end: number): bigint {
    if (end - start === 1 && bytes[start] === 0x30) return 0n;
    if (!isDigits(start, end)) throw new SyntaxError('the flags of an entry are no number');
    const flags = BigInt(bytes.toString('latin1', start, end));
    if (flags !== BigInt.asUintN(64, flags)) throw new SyntaxError('the flags of an entry have more than 64 bits');
    return flags;
  }

  return {
    push(piece) {
      // Only a brace can complete the entry that is waited for, and no large value has one.
      if (waiting.length > 0 && !piece.includes(closeBrace)) {
        waiting.push(piece);
        waitingBytes += piece.length;
        if (waitingBytes > largestEntry) throw new SyntaxError('an entry has no end');
        return [];
      }

      bytes = waiting.length === 0 ? piece : Buffer.concat([...waiting, piece]);
      at = 0;
      const entries: Entry[] = [];
      while (step(entries));
      waiting = at < bytes.length ? [bytes.subarray(at)] : [];
      waitingBytes = bytes.length - at;
      return entries;
    },

    end() {
      if (state !== 'done') throw new SyntaxError('it ends in the middle');
    },
  };
}

function latin1Of(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function show(byte: number | undefined): string {
  return JSON.stringify(String.fromCharCode(byte ?? 0));
}
