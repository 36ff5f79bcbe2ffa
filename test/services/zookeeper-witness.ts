import { reasonOf } from '../../src/errors.ts';
import { type Endpoint, formatEndpoint } from '../../src/services/address.ts';

interface Permission {
  readonly perms: number;
  readonly scheme: string;
  readonly auth: string;
}

/** What the tests use of the `zookeeper` package, which wraps Apache's C client. */
export interface Witness {
  /** `flags`: 1 ephemeral, 2 sequential. Answers the path. */
  create(path: string, data: Buffer, flags: number): Promise<string>;
  get(path: string): Promise<{ readonly owner: string; readonly data: Buffer }>;
  children(path: string): Promise<string[]>;
  acl(path: string): Promise<unknown>;
  setAcl(path: string, acl: readonly Permission[]): Promise<unknown>;
  set(path: string, data: Buffer): Promise<unknown>;
  remove(path: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The package's own names, as far as they are used here: where it is not installed, its types are not there either. */
interface Client {
  connect(options: object, done: (error: unknown) => void): void;
  create(path: string, data: Buffer, flags: number): Promise<string>;
  get(path: string, watch: boolean): Promise<readonly [{ readonly ephemeralOwner: unknown }, Buffer]>;
  get_children(path: string, watch: boolean): Promise<string[]>;
  get_acl(path: string): Promise<readonly unknown[]>;
  set_acl(path: string, version: number, acl: readonly Permission[]): Promise<unknown>;
  set(path: string, data: Buffer, version: number): Promise<unknown>;
  delete_(path: string, version: number): Promise<unknown>;
  close(): void;
}

type Package = { new (options: object): Client; readonly constants: { readonly ZOO_LOG_LEVEL_ERROR: number } };

async function load(): Promise<Package> {
  const name: string = 'zookeeper';
  return (await import(name)).default;
}

/** Why the package cannot be used, where it cannot: it is optional, since its installation needs a compiler. */
export async function witnessProblem(): Promise<string | undefined> {
  try {
    await load();
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown).split('\n', 1)[0];
  }
}

/** Rejects where the server cannot be reached within five seconds. */
export async function openWitness(endpoint: Endpoint): Promise<Witness> {
  const ZooKeeper = await load();
  const client = new ZooKeeper({
    connect: formatEndpoint(endpoint),
    timeout: 5_000,
    debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
    host_order_deterministic: false,
    // Its default of 20 closes the connection where an answer comes in more pieces than that.
    response_counter_limit: 1_000_000,
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the witness cannot connect')), 5_000);
    client.connect({}, (error: unknown) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    });
  });
  return {
    create: (path, data, flags) => client.create(path, data, flags),
    get: async (path) => {
      const [stat, data] = await client.get(path, false);
      return { owner: String(stat.ephemeralOwner), data };
    },
    children: (path) => client.get_children(path, false),
    acl: async (path) => (await client.get_acl(path))[0],
    async close() {
      client.close();
    },
    setAcl: (path, acl) => client.set_acl(path, -1, acl),
    set: (path, data) => client.set(path, data, -1),
    remove: (path) => client.delete_(path, -1),
  };
}
