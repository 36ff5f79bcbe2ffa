import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate with its key, as files and as bytes. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Everything that connections over TLS are tested with. */
export interface Certificates {
  readonly ca: Certificate;
  /** An authority that signed none of the others. */
  readonly otherCa: Certificate;
  /** For localhost and 127.0.0.1. */
  readonly server: Certificate;
  readonly expired: Certificate;
  /** Its name is root, which etcd takes for the user. */
  readonly client: Certificate;
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes certificates with openssl in a directory. */
export function makeCertificates(directory: string): Certificates {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const load = (name: string): Certificate => {
    const [certFile, keyFile] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  };
  const authority = (name: string) => {
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
    );
    return load(name);
  };
  const signed = (name: string, commonName: string, ...validity: string[]) => {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`);
    const files = ['-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`];
    openssl('x509', '-req', ...files, '-extfile', 'extensions', ...validity);
    return load(name);
  };

  writeFileSync(
    join(directory, 'extensions'),
    'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  const ca = authority('ca');
  const otherCa = authority('other-ca');
  return {
    ca,
    otherCa,
    server: signed('server', 'localhost', '-days', '30'),
    // openssl 3.0 can only count days from now, and takes a negative number of them.
    expired: signed('expired', 'localhost', '-days', '-1'),
    client: signed('client', 'root', '-days', '30'),
  };
}
