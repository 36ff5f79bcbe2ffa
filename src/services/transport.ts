/** How the user gives what a connection may lack, in the words of one service. */
export interface TransportWords {
  /** What the program is, with its article: `an etcd`. */
  readonly program: string;
  /** The scheme without TLS. */
  readonly scheme: string;
  /** The environment variables that name PEM files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A fact about the endpoint, to follow its name, and what to do about it. */
export type Description = readonly [fact: string, hint?: string];

/** The text of an error of Node's network or TLS, with its code, as `describeTransport` wants it. */
export function transportText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  // An attempt over several addresses of one name fails with all of their errors.
  if (thrown instanceof AggregateError) return thrown.errors.map(transportText).join('; ');
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  return thrown.message.includes(code) ? thrown.message : `${code}: ${thrown.message}`;
}

/** What went wrong on the way to a service, from the texts of Node and OpenSSL; `undefined` where they say nothing known. */
export function describeTransport(text: string, words: TransportWords): Description | undefined {
  const { program, scheme, ca, cert, key } = words;
  if (/ECONNREFUSED/.test(text)) return ['refuses the connection', 'is it running, and is that its client port?'];
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(text)) return ['has no address: the name cannot be resolved'];
  if (/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/.test(text)) return ['cannot be reached over the network'];
  if (/ENOENT|EACCES/.test(text)) return [`has no socket that can be opened: ${text}`];
  if (/certificate has expired|CERT_HAS_EXPIRED/.test(text)) return ['shows a certificate that has expired'];
  if (/does not match certificate|ERR_TLS_CERT_ALTNAME/.test(text))
    return [`shows a certificate for another name: ${text}`];
  if (/unable to verify|self[- ]signed|UNABLE_TO_|SELF_SIGNED/.test(text)) {
    return [
      'shows a certificate of an authority that is not trusted',
      `name the CA with ${ca}, or as tls.ca in treekeeper.yaml`,
    ];
  }
  if (/certificate required|bad certificate|alert (?:number )?(?:42|46|116)|unknown ca/.test(text)) {
    return [
      'wants a client certificate that it trusts',
      `give one with ${cert} and ${key}, or as tls.cert and tls.key`,
    ];
  }
  if (/wrong version number|packet length too long|SSL routines|before secure TLS connection/.test(text))
    return ['does not speak TLS', `write ${scheme}:// for a port without TLS`];
  if (/ECONNRESET|EPIPE|socket hang up|Connection dropped/.test(text)) {
    return [
      'closed the connection',
      `is it still running, and is that the client port of ${program}? One with TLS needs ${scheme}+tls://`,
    ];
  }
  return undefined;
}
