import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ScratchFolder, scratchFolder } from '../../../test/support/programs/scratch-folder.ts';
import { type Said, recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { openStore } from '../../app/open-store.ts';
import { digestOf } from '../../oci/digest.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import { main } from '../main.ts';
import { loadConfig } from '../open-session.ts';
import type { Terminal } from '../terminal.ts';

const LOST = digestOf('lost');
const MESSAGE = `the blob ${LOST} of team/app is missing; it came from no upstream: push team/app again`;

let folder: ScratchFolder;
let said: Said;
let terminal: Terminal;

beforeEach(async () => {
  folder = await scratchFolder('check-command');
  ({ terminal, said } = recordingTerminal(folder.path));
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A blob that a repository has, and nobody else. */
async function loseBlob(): Promise<void> {
  await using store = await openStore(loadConfig({}, terminal).dataFolder);
  await store.metadata.addBlob(parseRepositoryName('team/app'), { digest: LOST, sizeBytes: 4 });
}

test('a store without findings is whole', async () => {
  expect(await main(['check'], terminal)).toBe(0);
  expect(said).toEqual({ out: '', err: 'hashed 0 blobs (0 B) and 0 manifests: the store is whole\n' });
});

test('a finding is a line, and makes it 1', async () => {
  await loseBlob();
  expect(await main(['check'], terminal)).toBe(1);
  expect(said.out).toBe(`missing: ${MESSAGE}\n`);
  expect(said.err).toBe('hashed 0 blobs (0 B) and 0 manifests: 1 finding, 0 repaired\n');
});

test('--json prints one document, and nothing else', async () => {
  await loseBlob();
  expect(await main(['check', '--json', '--sample', '10%'], terminal)).toBe(1);
  expect(JSON.parse(said.out)).toEqual({
    version: 1,
    blobs: { checked: 0, bytes: 0 },
    manifests: 0,
    findings: [{ kind: 'missing', digest: LOST, repositories: ['team/app'], message: MESSAGE, repaired: false }],
  });
  expect(said.err).toBe('');
});

test.each(['0%', '101%', '0', '-1', 'half', '10 %', ''])('--sample %j is refused', async (sample) => {
  expect(await main(['check', `--sample=${sample}`], terminal)).toBe(2);
  expect(said.err).toBe(`wharf: "${sample}" is no part of the blobs; write --sample 10% or --sample 500\n`);
});

test('--repair and --no-quarantine contradict each other', async () => {
  expect(await main(['check', '--repair', '--no-quarantine'], terminal)).toBe(2);
  expect(said.err).toContain('give only one of them');
});
