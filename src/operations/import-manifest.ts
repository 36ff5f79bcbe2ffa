import { readFile, writeFile } from 'node:fs/promises';
import { reasonOf, TreekeeperError } from '../errors.ts';
import { parseServiceUrl } from '../services/address.ts';
import { habits } from './import-source.ts';

/** What becomes of a `.burryfest`. */
export interface ImportedManifest {
  /** The text of a treekeeper.yaml. It has nothing secret in it. */
  readonly config: string;
  readonly store: string;
  readonly service: string;
  /** What of the manifest has no place in the configuration, for people. */
  readonly notes: readonly string[];
}

const largestManifest = 64 * 1024;

/**
 * Turns burry's manifest into a configuration. Its credentials are those of the storage target, which a Git remote takes the
 * place of: they are not read. `repository` is where the configuration shall say that the snapshots are. Throws `TreekeeperError('integrity')` where it is no such manifest.
 */
export async function importManifest(
  path: string,
  store: string | undefined,
  repository: string,
): Promise<ImportedManifest> {
  const { svc, endpoint, target, hasCredentials } = await readManifest(path);
  const kind = Object.hasOwn(habits, svc) ? habits[svc]?.kind : undefined;
  if (kind === undefined) throw damaged(path, `names the unknown service ${svc}`);
  const service = `${kind}://${endpoint}`;
  try {
    parseServiceUrl(service);
  } catch (cause) {
    throw damaged(path, `has no usable endpoint: ${reasonOf(cause)}`, cause);
  }
  const name = store ?? kind;
  const notes: string[] = [];
  if (target !== 'local' && target !== 'tty') {
    notes.push(`burry's storage target, ${target}, has no counterpart: name a Git repository under remotes`);
  }
  if (hasCredentials) {
    notes.push(
      `the credentials in ${path} were for that target, and were not taken over; they stand there in clear, so remove the file`,
    );
  }
  return { config: configText(name, service, repository), store: name, service, notes };
}

/** Writes the configuration, unless there is a file of that name: answers whether it did. */
export async function writeConfig(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw new TreekeeperError('failed', `cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function configText(store: string, service: string, repository: string): string {
  return `version: 1
repository: ${JSON.stringify(repository)}
stores:
  ${store}:
    service: ${JSON.stringify(service)}
    # Secrets stand here by reference only, as:
    # user: backup
    # passwordFile: /run/secrets/${store}
# remotes:
#   - { name: origin, url: "ssh://git@git.example.org/ops/config.git", push: true }
`;
}

async function readManifest(path: string) {
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new TreekeeperError('failed', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  if (text.length > largestManifest) throw damaged(path, 'is too large');
  try {
    const { svc, target, credentials, ...rest }: Manifest = JSON.parse(text);
    const params = credentials?.params;
    return {
      svc: String(svc),
      endpoint: String(rest['svc-endpoint'] ?? ''),
      target: String(target),
      hasCredentials: Array.isArray(params) && params.length > 0,
    };
  } catch (cause) {
    throw damaged(path, 'is not JSON', cause);
  }
}

/** As anybody may have written it. */
interface Manifest {
  readonly svc?: unknown;
  readonly 'svc-endpoint'?: unknown;
  readonly target?: unknown;
  readonly credentials?: { readonly params?: unknown } | null;
}

function damaged(path: string, problem: string, cause?: unknown): TreekeeperError {
  return new TreekeeperError('integrity', `${path} ${problem}`, { cause });
}
