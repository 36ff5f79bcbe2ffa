import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';

interface Schema {
  readonly oneOf: readonly { readonly $ref: string }[];
  readonly definitions: { readonly [name: string]: { properties?: object; additionalProperties?: unknown } };
}

const schema: Schema = JSON.parse(
  readFileSync(new URL('../../src/report/output.schema.json', import.meta.url), 'utf8'),
);

/** The types that the published schema has. */
export const types = schema.oneOf.map(({ $ref }) => $ref.replace('#/definitions/', ''));

const validators = compile();

/**
 * Throws where a line that a verb printed with --json is not as the published schema has it. Stricter than that: a field that
 * is in no definition is one that somebody forgot to describe.
 */
export function requireDescribed(line: string): void {
  const record = JSON.parse(line);
  const validate = validators.get(record.type);
  if (!validate) throw new Error(`the output has the type ${record.type}, which output.schema.json does not describe`);
  if (!validate(record)) {
    const [{ instancePath = '', message = '', params = {} } = {}] = validate.errors ?? [];
    throw new Error(`not as output.schema.json has it: ${instancePath} ${message} ${JSON.stringify(params)}: ${line}`);
  }
}

function compile(): ReadonlyMap<string, ValidateFunction> {
  const definitions = Object.entries(schema.definitions).map(([name, definition]) => [
    name,
    definition.properties ? { additionalProperties: false, ...definition } : definition,
  ]);
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    formats: { 'date-time': (text) => !Number.isNaN(Date.parse(text)) },
  });
  ajv.addSchema({ $id: 'output', definitions: Object.fromEntries(definitions) });
  return new Map(types.map((type) => [type, ajv.compile({ $ref: `output#/definitions/${type}` })]));
}
