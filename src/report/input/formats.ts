import { consulInput } from './consul.ts';
import { etcdctlInput } from './etcdctl.ts';
import type { InputFormat } from './format.ts';
import { zkcliInput } from './zkcli.ts';

/** By the word that names them on the command line. */
export const inputFormats: { readonly [word in 'etcdctl' | 'zkcli' | 'consul']: InputFormat } = {
  etcdctl: etcdctlInput,
  zkcli: zkcliInput,
  consul: consulInput,
};
