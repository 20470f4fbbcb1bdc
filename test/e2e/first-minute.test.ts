// What a person meets in the first minute with a checkout.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { runProgram } from '../support/programs/program.ts';
import { WHARF, openWharf } from '../support/programs/wharf.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const DEMO_MAY_TAKE_MS = 20_000;
const PINNED_MAJOR = 24;

test('npm start shows the main job, step by step, with nothing to configure', async () => {
  const startedMs = performance.now();
  const { code, stdout, stderr } = await runProgram('npm', ['start'], { cwd: ROOT });
  expect(stderr).not.toContain('wharf:');
  expect(code).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(DEMO_MAY_TAKE_MS);
  for (const command of ['catalog --library', 'limits', 'plan --library', 'sync --library', 'inspect']) {
    expect(stdout).toContain(`$ wharf ${command}`);
  }
  expect(stdout).toContain('wharf sync --library --include');
  expect(stdout).toContain('docker.io was asked for 2 manifests and 3 blobs, as for one of them');
  expect(stdout).toContain('then docker.io went down, and all 10 pulled it again from here');
});

const older = olderNode();
const noOlder = older === undefined ? 'this machine has no Node older than 24' : undefined;
test.skipIf(older === undefined)(
  `bin/wharf starts under the system's own, older Node${skipNote(noOlder)}`,
  async () => {
    const { code, stdout } = await runProgram(older ?? '', [WHARF, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage: wharf');
  },
);

test('who has read enough is left in peace', async () => {
  const reading = spawn(process.execPath, [WHARF, 'completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] });
  reading.stdout.destroy();
  const [errors, [code]] = await Promise.all([text(reading.stderr), once(reading, 'exit')]);
  expect(errors).toBe('');
  expect(code).toBe(128 + constants.signals.SIGPIPE);
});

test('every command explains itself', async () => {
  await using wharf = await openWharf();
  const commands = commandsIn((await wharf.run(['--help'])).stdout);
  expect(commands).toContain('sync');
  for (const command of commands) {
    const { code, stdout } = await wharf.run([command, '--help']);
    expect([command, code]).toEqual([command, 0]);
    expect(stdout).toMatch(new RegExp(`^Usage: wharf ${command}\\b`));
  }
});

const noBash = missingPrograms('bash');
test.skipIf(noBash !== undefined)(`bash accepts its completion script${skipNote(noBash)}`, async () => {
  await using wharf = await openWharf();
  const { code, stdout } = await wharf.run(['completion', 'bash']);
  expect(code).toBe(0);
  const script = path.join(wharf.folder, 'wharf.bash');
  await writeFile(script, stdout);
  expect(await runProgram('bash', ['-n', script])).toMatchObject({ code: 0, stderr: '' });
});

/** The names in the list of commands of a help text. */
function commandsIn(help: string): string[] {
  const [lists = ''] = help.split('\nExamples:');
  return [...lists.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

/** The first Node on the path that does not belong to a project, if it is too old to run the source. */
function olderNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  const node = folders.map((folder) => path.join(folder, 'node')).find((file) => existsSync(file));
  if (node === undefined) return undefined;
  const major = Number(/^v(\d+)/.exec(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout)?.[1]);
  return major < PINNED_MAJOR ? node : undefined;
}
