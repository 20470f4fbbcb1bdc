import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import { type Registry, startRegistry } from './registry/registry.ts';

const run = promisify(execFile);
const isMissing = spawnSync('skopeo', ['--version']).error !== undefined;

// alpine is one of the repositories with Docker's own media types, golang has a shared tag with Windows.
const platforms = ['linux/amd64', 'linux/arm64/v8'];
const images = [
  catalogImage('nginx', ['1.27', 'latest'], platforms),
  catalogImage('alpine', ['3.24', 'latest'], platforms),
  catalogImage('golang', ['1.26-trixie'], platforms),
  catalogImage('golang', ['1.26-windowsservercore-ltsc2025'], ['windows/amd64']),
  catalogImage('golang', ['1.26', 'latest'], [...platforms, 'windows/amd64']),
];

describe.skipIf(isMissing)('skopeo, a real client (skipped where it is not installed)', () => {
  test('inspects an image of the hub', async () => {
    await using hub = await startHub({ images });
    const { stdout } = await run('skopeo', ['inspect', '--tls-verify=false', at(hub.registryUrl, 'library/nginx')]);
    expect(JSON.parse(stdout)).toMatchObject({
      Digest: hub.digestOf('library/nginx', 'latest'),
      Architecture: 'amd64',
      RepoTags: expect.arrayContaining(['1.27', 'latest']),
    });
  });

  test.each(['library/nginx', 'library/alpine', 'library/golang'])(
    'copies all of %s from the hub into the registry, digest for digest',
    async (repository) => {
      await using hub = await startHub({ images });
      await using registry = await startRegistry({ login: { username: 'ada', password: 'secret', scheme: 'bearer' } });
      await copyAll(hub, registry, repository);
      const { digest, children } = hub.expected().find((tag) => tag.repository === repository && tag.tag === 'latest')!;
      expect(registry.content.manifest('mirror/image', 'latest')?.digest).toBe(digest);
      for (const child of children) expect(registry.content.manifest('mirror/image', child)).toBeDefined();
    },
  );

  test('copies layers that tar can read', async () => {
    await using hub = await startHub({ images });
    const folder = mkdtempSync(join(tmpdir(), 'skopeo-'));
    try {
      const source = at(hub.registryUrl, 'library/nginx');
      await run('skopeo', ['copy', '--src-tls-verify=false', source, `dir:${folder}`]);
      const { layers } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
        layers: { digest: string }[];
      };
      for (const { digest } of layers) {
        const { stdout } = await run('tar', ['tzf', join(folder, digest.slice('sha256:'.length))]);
        expect(stdout).toBe('usr/lib/filler.bin\netc/image-release\n');
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

async function copyAll(hub: Hub, registry: Registry, repository: string): Promise<void> {
  await run('skopeo', [
    'copy',
    '--all',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    '--dest-creds=ada:secret',
    at(hub.registryUrl, repository),
    at(registry.url, 'mirror/image'),
  ]);
}

function at(url: string, repository: string): string {
  return `docker://${url.replace('http://', '')}/${repository}:latest`;
}
