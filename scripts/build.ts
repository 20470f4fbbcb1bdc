// Compiles what the npm package ships: Node does not strip types inside node_modules.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const inRoot = (name: string) => path.join(root, name);

rmSync(inRoot('dist'), { recursive: true, force: true });
execFileSync(inRoot('node_modules/.bin/tsc'), ['--project', inRoot('tsconfig.build.json')], {
  stdio: 'inherit',
  cwd: root,
});
// The small library that `wharf demo` shows.
cpSync(inRoot('test/support/library/library'), inRoot('dist/test/support/library/library'), { recursive: true });
