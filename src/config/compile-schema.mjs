// Makes dist/config/check-config.js of treekeeper.schema.json, as a part of the build: to load ajv and let it compile the
// schema would take longer, in every run that has a configuration, than most verbs take for their work.
import { readFileSync, writeFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';

const schema = JSON.parse(readFileSync(new URL('treekeeper.schema.json', import.meta.url), 'utf8'));
// Or it would be held to other lengths than it says.
if (/"maxLength"|"minLength": *(?!1\b)/.test(JSON.stringify(schema)))
  throw new Error('lengths are not counted in characters');

const ajv = new Ajv({
  strict: true,
  verbose: true,
  allErrors: true,
  // To count characters and not UTF-16 units, the code would need a module of ajv; the schema asks for "not empty" alone.
  unicode: false,
  // It would say that counting so is deprecated. What is wrong with the schema is thrown.
  logger: false,
  code: { source: true, esm: true },
});
const code = standaloneCode.default(ajv, ajv.compile(schema));
if (code.includes('require(')) throw new Error('the compiled schema needs modules of ajv');
writeFileSync(new URL('../../dist/config/check-config.js', import.meta.url), code);
