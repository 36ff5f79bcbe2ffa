import type { ServiceAddress } from './address.ts';
import type { Service } from './service.ts';

/** How to get at a service beside its address. PEM files as they are. */
export interface Access {
  readonly user?: string;
  readonly password?: string;
  /** Consul's, like the three that follow. */
  readonly token?: string;
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer; readonly serverName?: string };
  /** How long any one request may take, in milliseconds. */
  readonly timeout: number;
}

/** Opens a service. Nothing is sent before the first call, so an unreachable one is found out then. */
export async function openService(address: ServiceAddress, access: Access): Promise<Service> {
  switch (address.kind) {
    case 'dir':
      return (await import('./dir.ts')).openDir(address);
    case 'etcd':
      return (await import('./etcd.ts')).openEtcd(merge(address, access));
    case 'zookeeper':
      return (await import('./zookeeper.ts')).openZookeeper(merge(address, access));
    case 'consul':
      return (await import('./consul.ts')).openConsul(merge(address, access));
  }
}

/** The TLS files matter only where the address asks for TLS. */
function merge(address: Exclude<ServiceAddress, { kind: 'dir' }>, { tls, ...access }: Access) {
  return { ...address, ...access, ...(address.tls ? { tls } : { tls: undefined }) };
}
