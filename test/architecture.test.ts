// Keeps the layers of ARCHITECTURE.md true: a folder imports only folders on lower lines.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const LAYERS: readonly (readonly string[])[] = [
  ['oci', 'async', 'observe'],
  ['streams', 'config', 'database'],
  ['remote', 'content', 'metadata', 'accounts'],
  ['store', 'archive', 'catalog', 'credentials', 'journal'],
  ['copy', 'select', 'pull-through'],
  ['sync', 'bundle', 'verify', 'client-config'],
  ['http'],
  ['app'],
  ['cli', 'worker'],
];
const PURE = ['oci', 'async', 'observe', 'streams', 'config', 'remote'];
const CONFINED: Readonly<Record<string, readonly string[]>> = {
  undici: ['src/app/'],
  commander: ['src/cli/'],
  '@commander-js/extra-typings': ['src/cli/'],
  'log-update': ['src/cli/output/'],
  croner: ['src/config/'],
  // Our own configuration, and those of clients, which are written and merged into.
  yaml: ['src/config/', 'src/client-config/'],
  kysely: ['src/metadata/'],
  'modern-tar': ['src/archive/'],
  bcryptjs: ['src/accounts/'],
  jose: ['src/http/auth/'],
  pino: ['src/app/'],
  'prom-client': ['src/app/'],
  semver: ['src/select/'],
  'smol-toml': ['src/client-config/merge/'],
};
const FORBIDDEN_NAMES = /(?:^|\/)(?:utils?|helpers?|common|lib|types|constants)(?:\/|\.ts$)/;
const MAX_LINES = 400;
/** What a Worker may load besides our own files. */
const ON_WORKERS = ['node:crypto', 'zod'];

const root = path.join(import.meta.dirname, '..');
const files = globSync('src/**/*.ts', { cwd: root }).toSorted();
const sources = files.filter((file) => !file.endsWith('.test.ts'));

interface Import {
  readonly file: string;
  readonly specifier: string;
  /** Nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

const imports: readonly Import[] = sources.flatMap((file) =>
  [...readFileSync(path.join(root, file), 'utf8').matchAll(/^(?:import|export)\b([^;]*?)\bfrom '([^']+)'/gms)].map(
    (match) => ({
      file,
      specifier: match[2] ?? '',
      isTypeOnly: /^\s*type\b/.test(match[1] ?? ''),
    }),
  ),
);

const folderOf = (file: string) => file.split('/')[1] ?? '';
const layerOf = (folder: string) => LAYERS.findIndex((layer) => layer.includes(folder));

test('every folder of src has a place in a layer', () => {
  expect(sources.map(folderOf).filter((folder) => layerOf(folder) < 0)).toEqual([]);
});

test('a folder imports only folders on lower lines', () => {
  const wrong = imports.flatMap(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return [];
    const from = folderOf(file);
    const to = folderOf(path.join(path.dirname(file), specifier));
    const isAllowed = from === to || layerOf(to) < layerOf(from);
    return isAllowed ? [] : [`${file} imports ${specifier}`];
  });
  expect(wrong).toEqual([]);
});

test('what also runs on Workers imports nothing of Node but its crypto', () => {
  const wrong = imports.filter(
    ({ file, specifier }) =>
      PURE.includes(folderOf(file)) && specifier.startsWith('node:') && specifier !== 'node:crypto',
  );
  expect(wrong).toEqual([]);
});

test('whatever the Worker loads runs on Workers', () => {
  const loaded = new Set(sources.filter((file) => folderOf(file) === 'worker'));
  const foreign = new Set<string>();
  for (const file of loaded) {
    for (const { specifier } of imports.filter((each) => each.file === file && !each.isTypeOnly)) {
      if (specifier.startsWith('.')) loaded.add(path.join(path.dirname(file), specifier));
      else if (!ON_WORKERS.includes(specifier)) foreign.add(`${file} imports ${specifier}`);
    }
  }
  expect([...foreign]).toEqual([]);
  expect(loaded.size).toBeGreaterThan(50);
});

test('heavy packages stay where they are used', () => {
  const wrong = imports.filter(
    ({ file, specifier }) => CONFINED[specifier]?.every((folder) => !file.startsWith(folder)) ?? false,
  );
  expect(wrong).toEqual([]);
});

test('the core neither prints, nor reads the clock or the environment', () => {
  const core = sources.filter((file) => layerOf(folderOf(file)) < layerOf('app'));
  const wrong = core.filter((file) => {
    const isClock = file === 'src/async/clock.ts';
    // A child process is given the environment of its parent.
    const isChild = file === 'src/catalog/official-images/git.ts';
    return (
      !isClock &&
      !isChild &&
      /\bconsole\.|\bprocess\.\w|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(/.test(
        readFileSync(path.join(root, file), 'utf8'),
      )
    );
  });
  expect(wrong).toEqual([]);
});

test('no file is a drawer for everything, and none is too long to read', () => {
  expect(files.filter((file) => FORBIDDEN_NAMES.test(file))).toEqual([]);
  const long = sources.filter((file) => readFileSync(path.join(root, file), 'utf8').split('\n').length > MAX_LINES);
  expect(long).toEqual([]);
});

test('each first-level folder says what it is', () => {
  const folders = [...new Set(sources.map(folderOf))];
  const mute = folders.filter((folder) => globSync(`src/${folder}/README.md`, { cwd: root }).length === 0);
  expect(mute).toEqual([]);
});
