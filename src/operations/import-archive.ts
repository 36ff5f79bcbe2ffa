import { TreekeeperError } from '../errors.ts';
import { parseServiceUrl } from '../services/address.ts';
import type { Service } from '../services/service.ts';
import { textOf } from '../snapshot/bytes.ts';
import { latin1 } from '../snapshot/paths.ts';
import { archiveService, type BurryKind, contentName, type Habits, habits } from './import-source.ts';
import { openZip, type ZipArchive, type ZipEntry } from './import-zip.ts';

/** One archive that burry made: `ID/` with a file `content` for every node, and `ID/.burrymeta`. */
export interface BurryArchive extends AsyncDisposable {
  /** What burry called the snapshot: the second in which it was made. */
  readonly id: string;
  /** The same, as a number: seconds since 1970. */
  readonly time: number;
  readonly kind: BurryKind;
  /** `host:port`, where the archive tells one that can be. */
  readonly endpoint: string | undefined;
  /** Files in it that are no node, and nodes that may have had another key. */
  readonly findings: readonly Finding[];
  /** The archive as a service that can only be read. What cannot be read in it is unreadable there. */
  readonly service: Service;
}

/** Something in an archive that is not taken for granted. */
export interface Finding {
  /** The name of the file in the archive. */
  readonly entry: Uint8Array;
  readonly reason: string;
  /** It was left out. Else it was taken for what it most likely is. */
  readonly left: boolean;
}

const largestMeta = 64 * 1024;

const metaName = '.burrymeta';
/** What burry puts for each colon (its auxiliary.go), since its zip library takes one for a separator. */
const colon = 'BURRY_ESC_COLON';

/**
 * Opens an archive of burry. `kind` is that of the service, for archives that do not tell. Throws
 * `TreekeeperError('integrity')` where it is no such archive.
 */
export async function openBurryArchive(path: string, kind?: BurryKind): Promise<BurryArchive> {
  const zip = await openZip(path);
  try {
    return { ...(await decode(zip, kind)), [Symbol.asyncDispose]: () => zip[Symbol.asyncDispose]() };
  } catch (thrown) {
    await zip[Symbol.asyncDispose]();
    if (!(thrown instanceof TreekeeperError)) throw thrown;
    throw new TreekeeperError(thrown.code, `${path} is no archive of burry: ${thrown.message}`, {
      ...(thrown.hint !== undefined && { hint: thrown.hint }),
      cause: thrown,
    });
  }
}

async function decode({ entries }: ZipArchive, kind: BurryKind | undefined) {
  const files = entries
    .filter(({ name }) => name.at(-1) !== 0x2f)
    .map((entry) => ({ entry, path: latin1(entry.name) }));
  const id = theId(files.map(({ path }) => path));
  const time = Number(id);
  if (time * 1000 > Date.now()) throw wrong(`its date, ${id} seconds since 1970, lies in the future`);
  const meta = files.find(({ path }) => path === `${id}/${metaName}`);
  const { service, endpoint } = meta ? await readMeta(meta.entry) : { service: undefined, endpoint: undefined };
  const habit =
    service === undefined
      ? Object.values(habits).find((known) => known.kind === kind)
      : Object.hasOwn(habits, service)
        ? habits[service]
        : undefined;
  if (!habit) {
    throw new TreekeeperError(
      'integrity',
      service === undefined ? 'it does not tell of which service it is' : `it is of the unknown service ${service}`,
      { hint: 'say it with --kind zookeeper, etcd or consul' },
    );
  }

  const findings: Finding[] = [];
  const nodes = new Map<string, ZipEntry | 'ambiguous'>();
  for (const { entry, path } of files) {
    if (entry === meta?.entry) continue;
    const read = keyIn(path, id, habit);
    if ('reason' in read) findings.push({ entry: entry.name, reason: read.reason, left: true });
    else {
      nodes.set(read.key, nodes.has(read.key) ? 'ambiguous' : entry);
      if (path.includes(colon)) {
        const reason = `taken for the key ${read.key}: burry writes a colon so, and a key that has these very letters as well`;
        findings.push({ entry: entry.name, reason, left: false });
      }
    }
  }
  const known = sourceOf(habit.kind, endpoint);
  return {
    ...{ id, time, findings },
    kind: habit.kind,
    endpoint: known && endpoint,
    service: archiveService(habit, nodes, known ?? `burry:${id}`),
  };
}

/** The one directory that an archive of burry has, named by the second in which it was made. */
function theId(paths: readonly string[]): string {
  const tops = [...new Set(paths.map((path) => path.split('/', 1)[0] ?? ''))].filter((top) =>
    /^[1-9]\d{0,11}$/.test(top),
  );
  const [id, ...others] = tops.filter((top) => tops.length === 1 || paths.includes(`${top}/${metaName}`));
  if (id !== undefined && others.length === 0) return id;
  throw wrong('it does not have one directory with the number of seconds since 1970 as its name');
}

async function readMeta(entry: ZipEntry): Promise<{ service: string | undefined; endpoint: string | undefined }> {
  if (entry.size > largestMeta) throw wrong(`its ${metaName} is too large`);
  try {
    const meta: unknown = JSON.parse(textOf(await entry.read()) ?? '');
    const text = (field: string) => {
      const value = (meta as { [name: string]: unknown })[field];
      return typeof value === 'string' ? value : undefined;
    };
    return { service: text('svc'), endpoint: text('svc-endpoint') };
  } catch (cause) {
    if (cause instanceof TreekeeperError) throw cause;
    throw new TreekeeperError('integrity', `its ${metaName} is not JSON`, { cause });
  }
}

/** The key of the node whose value a file is, one character per byte, or why it is none. */
function keyIn(path: string, id: string, { top }: Habits): { key: string } | { reason: string } {
  const [first, ...segments] = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..') || path.includes('\0'))
    return { reason: 'no path that burry writes' };
  if (first !== id) return { reason: `not below ${id}/` };
  if (segments.pop() !== contentName) return { reason: `not a file named ${contentName}` };
  if (segments.length === 0 && top === '') return { reason: 'the value of a root, which there is not' };
  return { key: `${top}${segments.join('/').replaceAll(colon, ':')}` };
}

/** A URL of the service, as the command line takes it; none where an endpoint is not one, or has credentials in it. */
function sourceOf(kind: BurryKind, endpoint: string | undefined): string | undefined {
  try {
    parseServiceUrl(`${kind}://${endpoint ?? ''}`);
    return `${kind}://${endpoint}`;
  } catch {
    return undefined;
  }
}

function wrong(problem: string): TreekeeperError {
  return new TreekeeperError('integrity', problem);
}
