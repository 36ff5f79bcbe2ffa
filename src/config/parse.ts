import type { ErrorObject } from 'ajv';
import { type Document, isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { validate } from '#check-config';
import { reasonOf, TreekeeperError } from '../errors.ts';
import type { Config } from './config.ts';

type ConfigFile = Omit<Config, 'directory'>;

/**
 * The content of a configuration file, held against the published schema. `file` names it in messages. Throws
 * `TreekeeperError('usage')` with line and column of the first mistake.
 */
export function parseConfig(text: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number, problem: string, hint?: string) => {
    const { line, col } = lines.linePos(offset);
    return new TreekeeperError('usage', `${file}:${line}:${col}: ${problem}`, hint === undefined ? {} : { hint });
  };

  const [error] = document.errors;
  if (error) throw at(error.pos[0], error.message.replace(/\n[\s\S]*$/, ''));
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    // An alias of nothing, or one of too many: the parser looks at them no sooner.
    throw at(0, reasonOf(thrown));
  }
  if (validate(content)) {
    const { repository, stores = {}, remotes = [], confirmAbove, sign, trust } = content;
    return { repository, stores, remotes, confirmAbove, sign, trust };
  }

  // A misspelt field is both unknown and missed; the first says more.
  const mistake = validate.errors?.find(({ keyword }) => keyword === 'additionalProperties') ?? validate.errors?.[0];
  throw at(mistake ? offsetOf(document, mistake) : 0, describe(mistake), hintFor(mistake));
}

function describe(mistake: ErrorObject | undefined): string {
  const { keyword, instancePath = '', params = {}, message } = mistake ?? {};
  const where =
    instancePath === '' ? 'the configuration' : instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/');
  if (keyword === 'additionalProperties') return `${where} has the unknown field ${params['additionalProperty']}`;
  if (keyword === 'pattern' && mistake?.propertyName !== undefined)
    return `${mistake.propertyName} cannot be the name of a store`;
  if (keyword === 'const') return `${where} must be ${JSON.stringify(params['allowedValue'])}`;
  if (keyword === 'enum') return `${where} must be one of ${params['allowedValues'].join(', ')}`;
  return `${where} ${message ?? 'is not right'}`;
}

function hintFor(mistake: ErrorObject | undefined): string | undefined {
  const { keyword, parentSchema, propertyName } = mistake ?? {};
  if (keyword === 'additionalProperties')
    return `the fields there are: ${Object.keys(parentSchema?.['properties'] ?? {}).join(', ')}`;
  if (keyword === 'pattern' && propertyName !== undefined)
    return 'use lower-case letters, digits, dots, dashes and underscores, 64 at most';
  return undefined;
}

/** Where in the text the mistake is: at the name of a field that must not be there, else at the value that is wrong. */
function offsetOf(document: Document, { instancePath, params, keyword, propertyName }: ErrorObject): number {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const node = path.length === 0 ? document.contents : (document.getIn(path, true) as Node | undefined);
  const name = keyword === 'additionalProperties' ? params['additionalProperty'] : propertyName;
  const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === name) : undefined;
  const key = isPair(pair) && isScalar(pair.key) ? pair.key : undefined;
  return key?.range?.[0] ?? node?.range?.[0] ?? 0;
}
