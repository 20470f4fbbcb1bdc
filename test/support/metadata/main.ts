// A process that works on metadata, for tests of several: `node main.ts TASK FOLDER COUNT`. It begins when so many of
// them are there, and stays until it is killed.
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../../src/async/clock.ts';
import { SqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts';
import { parseRepositoryName, parseTag } from '../../../src/oci/reference.ts';
import { blob, image } from './content.ts';

const [task = '', folder = '', count = '1'] = process.argv.slice(2);
const tasks: Record<string, () => unknown> = { open: () => 'opened', advance, push };
const repository = parseRepositoryName('shared');

writeFileSync(path.join(folder, `ready-${process.pid}`), '');
while (readdirSync(folder).filter((name) => name.startsWith('ready-')).length < Number(count));
const store = await SqliteMetadataStore.open(folder, { clock: systemClock });
say(await tasks[task]?.());
setInterval(() => undefined, 60_000);

function say(outcome: unknown): void {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

/** How often this process was the one that moved the upload on. */
async function advance(): Promise<number> {
  let moved = 0;
  for (let offset = 0; offset < 200; offset += 1) {
    if (await store.advanceUpload('shared', offset, offset + 1)) moved += 1;
  }
  return moved;
}

/** Pushes images until it is killed, and prints the name of each that was acknowledged. */
async function push(): Promise<void> {
  for (let nth = 0; ; nth += 1) {
    const name = `${process.pid}-${nth}`;
    const layer = blob(`layer of ${name}`);
    await store.addBlob(repository, layer);
    await store.putManifest(repository, image(name, [layer]), { tags: [parseTag(name), parseTag('latest')] });
    say(name);
  }
}
