// The configuration of a running server changes, and no client notices but by what it may have.
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from '../support/programs/free-port.ts';
import { until } from '../support/programs/until.ts';
import { openWharf } from '../support/programs/wharf.ts';

const CHANGES = 20;
const MANIFEST = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}';

async function openServer() {
  await using opened = new AsyncDisposableStack();
  const wharf = opened.use(await openWharf());
  const [listen, admin] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const configOf = (hosted: readonly string[], more: object = {}) =>
    JSON.stringify({ listen, admin, data: './data', upstreams: {}, hosted, ...more });
  await wharf.configure(configOf(['team/**']));
  const errors = path.join(wharf.folder, 'errors');
  const server = opened.use(await wharf.start(['serve'], {}, errors));
  await server.firstLine;
  const metric = async (outcome: string) => {
    const text = await (await fetch(`http://${admin}/metrics`)).text();
    return Number(new RegExp(`^wharf_config_reloads_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  const push = (repository: string) =>
    fetch(`http://${listen}/v2/${repository}/manifests/latest`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      body: MANIFEST,
    });
  const resources = opened.move();
  return {
    wharf,
    server,
    configOf,
    metric,
    push,
    get: () => fetch(`http://${listen}/v2/team/app/manifests/latest`),
    log: () => readFile(errors, 'utf8'),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

test('twenty changes under load: no request fails, and each change is served', async () => {
  await using world = await openServer();
  expect((await world.push('team/app')).status).toBe(201);
  const over = new AbortController();
  const statuses = new Set<number>();
  const clients = Array.from({ length: 4 }, async () => {
    while (!over.signal.aborted) statuses.add((await world.get()).status);
  });
  for (let change = 1; change <= CHANGES; change += 1) {
    // As editors save: another file takes the name.
    const file = path.join(world.wharf.folder, 'wharf.yaml.new');
    await writeFile(file, world.configOf(['team/**', `change-${change}/**`]));
    await rename(file, path.join(world.wharf.folder, 'wharf.yaml'));
    if (change % 2 === 0) world.server.kill('SIGHUP');
    await until(async () => (await world.push(`change-${change}/app`)).status === 201);
    expect((await world.push(`change-${change + 1}/app`)).status).toBe(405);
  }
  over.abort();
  await Promise.all(clients);
  expect([...statuses]).toEqual([200]);
  expect(await world.metric('applied')).toBeGreaterThanOrEqual(CHANGES);
  expect(await world.metric('refused')).toBe(0);
});

test('what is not valid is refused and said with its place, and the old configuration goes on', async () => {
  await using world = await openServer();
  await world.wharf.configure(world.configOf(['team/**', 'more/**'], { freshFor: '1m' }));
  await until(async () => (await world.metric('refused')) === 1);
  // Lines are written a moment later.
  await until(async () =>
    /"level":"error".*wharf\.yaml:1:\d+: at freshFor: there is no such key.*"configuration refused"/.test(
      await world.log(),
    ),
  );
  expect([(await world.push('team/app')).status, (await world.push('more/app')).status]).toEqual([201, 405]);
  await world.wharf.configure(world.configOf(['more/**']));
  await until(async () => (await world.push('more/app')).status === 201);
  // What was pushed to once stays hosted, so a fresh name shows that the old pattern is gone.
  expect((await world.push('team/other')).status).toBe(405);
});

test('what takes a restart is named and left, and SIGHUP stops nothing', async () => {
  await using world = await openServer();
  await world.wharf.configure(world.configOf(['team/**', 'more/**'], { data: './elsewhere', listen: '127.0.0.1:1' }));
  world.server.kill('SIGHUP');
  await until(async () => (await world.push('more/app')).status === 201);
  // Lines are written a moment later.
  await until(async () => /"settings":"listen, data","msg":"restart needed"/.test(await world.log()));
  world.server.kill('SIGTERM');
  expect((await world.server.exited).code).toBe(143);
});
