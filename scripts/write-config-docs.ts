// Writes docs/wharf.schema.json and the tables of docs/config.md from the schema of the configuration.
// With --check it writes nothing and fails when they are not what it would write.
import { readFile, writeFile } from 'node:fs/promises';
import type { z } from 'zod';
import { configJsonSchema } from '../src/config/schema.ts';

type Schema = z.core.JSONSchema.BaseSchema;

interface Table {
  /** `upstreams.NAME.mirrors[]`; empty for the top. */
  readonly path: string;
  readonly node: Schema;
}

const SCHEMA_FILE = new URL('../docs/wharf.schema.json', import.meta.url);
const DOCS_FILE = new URL('../docs/config.md', import.meta.url);
const BLOCK = /(?<=<!-- tables: written by scripts\/write-config-docs\.ts -->\n).*(?=<!-- end of tables -->)/s;

/** The files whose content is not up to date, with the content that they should have. */
export async function staleConfigDocs(): Promise<{ file: URL; content: string }[]> {
  const schema = configJsonSchema();
  const docs = await readFile(DOCS_FILE, 'utf8');
  const wanted = [
    { file: SCHEMA_FILE, content: `${JSON.stringify(schema, null, 2)}\n` },
    { file: DOCS_FILE, content: docs.replace(BLOCK, () => `\n${configTables(schema)}\n`) },
  ];
  const present = await Promise.all(wanted.map(({ file }) => readFile(file, 'utf8').catch(() => '')));
  return wanted.filter(({ content }, index) => content !== present[index]);
}

/** Markdown: a table for every map of the schema, one row a key. Maps that are alike have one table. */
function configTables(schema: Schema): string {
  const tables: Table[] = [];
  collect(schema, '', tables);
  return tables.map((table) => renderTable(table, tables)).join('\n\n');
}

function collect(node: Schema, path: string, tables: Table[]): void {
  if (node.properties !== undefined && !tables.some((table) => isAlike(table.node, node))) {
    tables.push({ path, node });
    for (const [key, value] of Object.entries(node.properties)) {
      collect(asSchema(value), path === '' ? key : `${path}.${key}`, tables);
    }
  }
  for (const choice of node.anyOf ?? []) collect(asSchema(choice), path, tables);
  if (node.items !== undefined) collect(asSchema(node.items), `${path}[]`, tables);
  if (isRecord(node)) collect(asSchema(node.additionalProperties), `${path}.NAME`, tables);
}

function renderTable({ path, node }: Table, tables: readonly Table[]): string {
  const rows = Object.entries(node.properties ?? {}).map(([key, value]) => {
    const property = asSchema(value);
    const isRequired = node.required?.includes(key) ?? false;
    const cells = [`\`${key}\``, kindOf(property, tables), defaultOf(property, isRequired), property.description ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const heading = path === '' ? 'The file' : `\`${path}\``;
  return [`### ${heading}`, '', '| key | value | default | what |', '|---|---|---|---|', ...rows].join('\n');
}

function kindOf(node: Schema, tables: readonly Table[]): string {
  if (node.title !== undefined) return node.title;
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(' or ');
  if (node.anyOf !== undefined) {
    const kinds = node.anyOf.map((choice) => kindOf(asSchema(choice), tables));
    return [...new Set(kinds)].filter((kind) => kind !== '`false`' && kind !== 'null').join(', or ');
  }
  if (node.items !== undefined) return `list of ${kindOf(asSchema(node.items), tables)}`;
  if (isRecord(node)) return `NAME: ${kindOf(asSchema(node.additionalProperties), tables)}`;
  const table = tables.find((table) => isAlike(table.node, node));
  return table === undefined ? String(node.type) : `map as \`${table.path}\``;
}

function defaultOf(node: Schema, isRequired: boolean): string {
  if (isRequired) return 'required';
  if (node.default === undefined || node.default === '' || JSON.stringify(node.default) === '{}') return '';
  return `\`${typeof node.default === 'string' ? node.default : JSON.stringify(node.default)}\``;
}

function isRecord(node: Schema): boolean {
  return typeof node.additionalProperties === 'object';
}

function isAlike(one: Schema, other: Schema): boolean {
  return JSON.stringify(one.properties) === JSON.stringify(other.properties);
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

if (import.meta.main) {
  const stale = await staleConfigDocs();
  if (!process.argv.includes('--check')) {
    await Promise.all(stale.map(({ file, content }) => writeFile(file, content)));
  } else if (stale.length > 0) {
    const files = stale.map(({ file }) => file.pathname.split('/').at(-1));
    console.error(`${files.join(' and ')} not up to date; run node scripts/write-config-docs.ts`);
    process.exitCode = 1;
  }
}
