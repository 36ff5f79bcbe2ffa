import { createHash } from 'node:crypto';
import { TreekeeperError } from '../errors.ts';
import { bytesFromJson, bytesToJson } from './bytes.ts';
import type { Json } from './node.ts';
import type { Oid } from './objects.ts';
import type { Plan, Verdict } from './plan.ts';
import { verdicts } from './plan.ts';

/*
 * A plan as lines of JSON: what it was made from and for, the steps, and a checksum over all of that. It holds keys, verdicts
 * and object ids, and no value.
 */

/** The version of plan files that this program writes and carries out. */
const planVersion = 1;

/** What a plan was made from and for. */
export interface PlanOrigin {
  readonly store: string;
  /** The commit, and the tree of the store in it. */
  readonly snapshot: Oid;
  readonly tree: Oid;
  /** The service as it is given on a command line: a URL, or a store of the configuration. */
  readonly service: string;
  /** What the service said of itself. */
  readonly source: string;
  readonly cluster: string | undefined;
  readonly below: Uint8Array | undefined;
  readonly moves: readonly { readonly from: Uint8Array; readonly to: Uint8Array }[];
  readonly persistEphemeral: boolean;
}

/** A step as it was planned. */
export interface FiledStep {
  readonly verdict: Verdict;
  readonly key: Uint8Array;
  readonly value: Oid | null;
  readonly attributes: Oid | undefined;
}

/** The lines of a plan file, each with its newline. */
export function* encodePlan(origin: PlanOrigin, plan: Plan, tool: string): Generator<string> {
  const hash = createHash('sha256');
  const line = (json: Json) => {
    const text = `${JSON.stringify(json)}\n`;
    hash.update(text);
    return text;
  };
  const { store, snapshot, tree, service, source, cluster, below, moves, persistEphemeral } = origin;
  yield line({
    type: 'plan',
    version: planVersion,
    tool,
    ...{ store, snapshot, tree, service, source },
    ...(cluster !== undefined && { cluster }),
    ...(below && { below: bytesToJson(below) }),
    moves: moves.map(({ from, to }) => ({ from: bytesToJson(from), to: bytesToJson(to) })),
    persistEphemeral,
  });
  for (const { verdict, key, entry } of plan) {
    const attributes = entry.attributes !== undefined && { attributes: entry.attributes };
    yield line({ type: 'step', verdict, key: bytesToJson(key), value: entry.value?.oid ?? null, ...attributes });
  }
  yield `${JSON.stringify({ type: 'end', sha256: hash.digest('hex') })}\n`;
}

/**
 * The inverse of `encodePlan`. Throws `TreekeeperError('usage')` on a plan of another version and on what is no plan, and
 * `'integrity'` where a single byte is not as it was written.
 */
export async function decodePlan(
  lines: AsyncIterable<string>,
): Promise<{ readonly origin: PlanOrigin; readonly steps: readonly FiledStep[] }> {
  const hash = createHash('sha256');
  let origin: PlanOrigin | undefined;
  const steps: FiledStep[] = [];
  let sum: Json | undefined;
  for await (const line of lines) {
    const json = parseLine(line, origin !== undefined);
    if (sum !== undefined) throw damagedPlan();
    if (origin && json['type'] === 'end') {
      sum = json['sha256'] ?? null;
      continue;
    }
    hash.update(`${line}\n`);
    if (origin) steps.push(stepIn(json));
    else origin = originIn(json);
  }
  if (!origin) throw noPlan();
  if (sum !== hash.digest('hex')) throw damagedPlan();
  return { origin, steps };
}

type Fields = { readonly [name: string]: Json };

function parseLine(line: string, isPlan: boolean): Fields {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields;
  } catch {
    // told below
  }
  throw isPlan ? damagedPlan() : noPlan();
}

function originIn(json: Fields): PlanOrigin {
  const { type, version, store, snapshot, tree, service, source, cluster, below, moves, persistEphemeral } = json;
  if (type !== 'plan' || typeof version !== 'number') throw noPlan();
  if (version !== planVersion) {
    throw new TreekeeperError(
      'usage',
      `the plan is of version ${version}, and this treekeeper carries out version ${planVersion}`,
      { hint: 'make the plan anew, with `restore --plan-out`' },
    );
  }
  if (!isText(store) || !isText(snapshot) || !isText(tree) || !isText(service) || !isText(source)) throw damagedPlan();
  if ((cluster !== undefined && !isText(cluster)) || !Array.isArray(moves)) throw damagedPlan();
  return {
    ...{ store, snapshot, tree, service, source, cluster },
    below: below === undefined ? undefined : bytesIn(below),
    moves: (moves as Fields[]).map(({ from, to }) => ({ from: bytesIn(from), to: bytesIn(to) })),
    persistEphemeral: persistEphemeral === true,
  };
}

function stepIn({ type, verdict, key, value = null, attributes }: Fields): FiledStep {
  const known = verdicts.find((word) => word === verdict);
  if (type !== 'step' || !known) throw damagedPlan();
  if ((value !== null && !isText(value)) || (attributes !== undefined && !isText(attributes))) throw damagedPlan();
  return { verdict: known, key: bytesIn(key), value, attributes };
}

function bytesIn(json: Json | undefined): Uint8Array {
  const bytes = bytesFromJson(json);
  if (!bytes) throw damagedPlan();
  return bytes;
}

function isText(json: Json | undefined): json is string {
  return typeof json === 'string';
}

function noPlan(): TreekeeperError {
  return new TreekeeperError('usage', 'the file is not a plan of treekeeper', {
    hint: '`treekeeper restore --plan-out FILE` writes one',
  });
}

/** For a plan that is not what was written. */
export function damagedPlan(): TreekeeperError {
  return new TreekeeperError('integrity', 'the plan was edited, cut off or damaged, and nothing was done', {
    hint: 'make it anew, with `restore --plan-out`',
  });
}
