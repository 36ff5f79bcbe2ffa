import type { ValidateFunction } from 'ajv';
import type { Config } from './config.ts';

/** Holds the content of a configuration file against the schema; made of it by compile-schema.mjs. */
export const validate: ValidateFunction<Partial<Omit<Config, 'directory'>>>;
