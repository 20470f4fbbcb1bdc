// The way from a registry:2 to a Wharf of one's own: its configuration, then its content, then its clients.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Graph, blobsOf, forPlatform, image, index, manifestsOf } from '../support/image-graph.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { digestBySkopeo, pullBySkopeo } from '../support/programs/skopeo.ts';
import { openWharf } from '../support/programs/wharf.ts';

const web = index(forPlatform(image('web'), 'linux/amd64'), forPlatform(image('web-arm'), 'linux/arm64'));
const tool = image('tool', ['layer of web', 'more']);
const CONTENT: readonly { readonly repository: string; readonly tags: readonly string[]; readonly graph: Graph }[] = [
  { repository: 'team/web', tags: ['1', '1.0', 'latest'], graph: web },
  { repository: 'tool', tags: ['v2', 'latest'], graph: tool },
];
const TAGGED = CONTENT.flatMap(({ repository, tags, graph }) =>
  tags.map((reference) => ({ repository, reference, digest: graph.manifest.digest })),
);

/** By a client of few words, so that the images are none of our program's making. */
async function fill(url: string): Promise<void> {
  for (const { repository, tags, graph } of CONTENT) {
    for (const { digest, parts } of blobsOf(graph)) {
      const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const at = new URL(begun.headers.get('location') ?? '', url);
      at.searchParams.set('digest', digest);
      expect((await fetch(at, { method: 'PUT', body: Buffer.concat(parts) })).status).toBe(201);
    }
    for (const { digest, bytes, mediaType } of manifestsOf(graph)) {
      const references = digest === graph.manifest.digest ? tags : [digest];
      for (const reference of references) {
        const answer = await fetch(`${url}/v2/${repository}/manifests/${reference}`, {
          method: 'PUT',
          headers: { 'content-type': mediaType },
          body: Buffer.from(bytes),
        });
        expect(answer.status).toBe(201);
      }
    }
  }
}

const missing = missingPrograms('skopeo', 'docker-registry');

describe.skipIf(missing !== undefined)(`from registry:2${skipNote(missing)}`, () => {
  test('its configuration is imported, its content moves, and the same digests are served without it', async () => {
    await using wharf = await openWharf();
    {
      await using old = await startDockerRegistry();
      await fill(old.url);
      const env = {
        REGISTRY_HTTP_ADDR: '127.0.0.1:0',
        REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: path.join(wharf.folder, 'registry'),
      };
      expect(await wharf.run(['config', 'import', '--out', 'wharf.yaml'], env)).toMatchObject({ code: 0 });
      expect(await readFile(path.join(wharf.folder, 'wharf.yaml'), 'utf8')).toContain('registry-wharf');
      const check = await wharf.run(['config', 'check']);
      expect(check).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/wharf\.yaml is valid: 0 upstreams, 0 jobs\n$/),
      });

      const moved = await wharf.run(['copy', '--json', `${old.url}/**`, 'store:']);
      expect(moved).toMatchObject({ code: 0 });
      const { copies } = JSON.parse(moved.stdout) as { copies: { outcome: string }[] };
      expect(copies.map(({ outcome }) => outcome)).toEqual(TAGGED.map(() => 'copied'));
      const again = await wharf.run(['copy', `${old.url}/**`, 'store:']);
      expect(again.stdout).toContain(`${TAGGED.length} images: ${TAGGED.length} up to date; 0 B sent`);
    }

    await using server = await wharf.start(['serve', '--admin', 'off']);
    const url = (await server.firstLine).replace('listening on ', '');
    const probe = new RegistryProbe(url);
    expect(await probe.repositories()).toEqual(['team/web', 'tool']);
    expect(await probe.missing(TAGGED)).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    for (const { repository, tags, graph } of CONTENT) {
      expect((await probe.tags(repository)).toSorted()).toEqual(tags.toSorted());
      const reference = `${new URL(url).host}/${repository}:${tags[0]}`;
      expect(await digestBySkopeo(reference)).toBe(graph.manifest.digest);
      await pullBySkopeo(reference);
    }
  });
});
