// Caddy in front, with the file that `wharf client-config caddy` prints and nothing else, over TLS.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caddyConfiguration } from '../../src/client-config/caddy.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_ACCEPT } from '../../src/oci/media-type.ts';
import { checkByCaddy, startCaddy } from '../support/programs/caddy.ts';
import { curl } from '../support/programs/curl.ts';
import { type FrontWorld, openFrontWorld, pullByName } from '../support/programs/front-world.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { startNameProxy } from '../support/programs/name-proxy.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';

const missing = missingPrograms('caddy', 'openssl', 'curl', 'skopeo');

describe.skipIf(missing !== undefined)(`Caddy in front${skipNote(missing)}`, () => {
  let opened: AsyncDisposableStack;
  let world: FrontWorld;
  let text: string;

  beforeAll(async () => {
    opened = new AsyncDisposableStack();
    world = opened.use(await openFrontWorld());
    text = caddyConfiguration(world.setup, world.options).files[0]?.text ?? '';
    await world.serve(text);
    opened.use(await startCaddy(text, world.port));
  });
  afterAll(() => opened.disposeAsync());

  const ask = (at: string, ...args: readonly string[]) =>
    curl(world.authority.file, `https://docker.mirror.test:${world.port}${at}`, ...args);

  test('passes caddy validate, with its certificates or with ours', async () => {
    for (const configuration of [text, caddyConfiguration(world.setup).files[0]?.text ?? '']) {
      const { code, stderr } = await checkByCaddy(configuration);
      expect([code, stderr]).toEqual([0, expect.not.stringMatching(/"level":"error"|not formatted/)]);
    }
  });

  test('serves three upstreams by their names to skopeo', async () => {
    await using proxy = await startNameProxy();
    const pulled = await Promise.all(world.images.map(({ reference }) => pullByName(proxy, world, reference)));
    expect(pulled).toEqual(world.images.map(({ digest }) => digest));
  });

  test('passes a push on, its parts, and nothing compressed', async () => {
    await using folder = await scratchFolder('layer');
    const layer = randomBytes(3_000_000);
    await writeFile(path.join(folder.path, 'layer'), layer);
    const body = ['--data-binary', `@${path.join(folder.path, 'layer')}`];
    const begun = await ask('/v2/team/app/blobs/uploads/', '--request', 'POST', '--data', '');
    const end = `${begun.location}?digest=${digestOf(layer)}`;
    const pushed = await curl(world.authority.file, end, '--request', 'PUT', ...body);
    expect(pushed.status).toBe(201);
    expect(pushed.location).toBe(`https://docker.mirror.test:${world.port}/v2/team/app/blobs/${digestOf(layer)}`);
    const part = await ask(`/v2/team/app/blobs/${digestOf(layer)}`, '--header', 'Range: bytes=7-9');
    expect([part.status, part.body]).toEqual([206, layer.subarray(7, 10)]);
    expect(part.headers.get('docker-content-digest')).toBe(digestOf(layer));
    const zipped = ['--header', 'Accept-Encoding: gzip', '--header', `Accept: ${MANIFEST_ACCEPT}`];
    const manifest = await ask('/v2/library/nginx/manifests/1.29', ...zipped);
    expect(digestOf(manifest.body)).toBe(manifest.headers.get('docker-content-digest'));
  });
});
