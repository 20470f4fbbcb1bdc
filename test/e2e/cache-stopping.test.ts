// An upstream that takes every question and answers none: what is here is served without it, and nothing waits for it
// when the cache is to end.
import { expect, test } from 'vitest';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const NGINX = '/v2/library/nginx/manifests/1.29';

async function serve(wharf: Wharf, { registryUrl }: HubProcess) {
  const upstreams = { 'docker.io': { url: registryUrl, hubApi: 'off', freshFor: '0s' } };
  await wharf.configure(JSON.stringify({ upstreams }));
  const program = await wharf.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']);
  return { program, url: (await program.firstLine).replace('listening on ', '') };
}

test('an upstream that hangs is waited for neither by clients nor at the end', async () => {
  await using hub = await startHubProcess({ library: SMALL_LIBRARY });
  await using wharf = await openWharf();
  const { program, url } = await serve(wharf, hub);
  const first = await fetch(url + NGINX);
  const bytes = await first.text();
  await hub.setFaults({ when: { kind: 'manifest' }, action: ['hang'] });

  const askedAt = Date.now();
  const stale = await fetch(url + NGINX);
  expect([stale.status, await stale.text()]).toEqual([200, bytes]);
  expect(stale.headers.get('warning')).toMatch(/^110 - ".* did not answer within /);
  expect(Date.now() - askedAt).toBeLessThan(6_000);

  const stoppedAt = Date.now();
  program.kill('SIGTERM');
  expect(await program.exited).toMatchObject({ code: 143 });
  expect(Date.now() - stoppedAt).toBeLessThan(6_000);
});
