// `npm run schema`: writes config/unstale.schema.json from the schema in src/config and docs/configuration.md.
import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { configJsonSchema } from './json-schema.ts';

const at = (name: string): URL => new URL(`../../${name}`, import.meta.url);
const schema = configJsonSchema(await readFile(at('docs/configuration.md'), 'utf8'));
const text = await format(JSON.stringify(schema), { parser: 'json', printWidth: 110 });
await writeFile(at('config/unstale.schema.json'), text);
