import { expect, test } from 'vitest';
import { image, store } from '../../test/support/image-graph.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import { parseConfig } from '../config/parse-config.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { Session } from './session.ts';

function openSession(yaml: string): Session {
  const config = parseConfig(yaml, { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret: () => '' });
  return new Session({ config, credentials: { find: () => Promise.resolve(undefined) } });
}

test.each([
  ['library/nginx', 'docker.io', 'library/nginx'],
  ['ghcr.io/owner/app', 'ghcr.io', 'owner/app'],
])('our %s is a copy of what %s calls %s', async (ours, upstream, theirs) => {
  await using registry = await startRegistry();
  const graph = image('an image');
  store(registry, theirs, graph);
  await using session = openSession(`upstreams: { "${upstream}": { url: "${registry.url}" } }`);
  const source = session.repairSource().repository(parseRepositoryName(ours), upstream);
  expect(await source?.manifest(graph.manifest.digest)).toMatchObject({ digest: graph.manifest.digest });
});

test.each([
  ['ghcr.io/owner/app', 'ghcr.io', 'is not configured any more'],
  ['owner/app', 'quay.io', 'has no such names here'],
])('where our %s came from cannot be told when %s %s', async (ours, upstream) => {
  await using session = openSession('upstreams: { ghcr.io: off }');
  expect(session.repairSource().repository(parseRepositoryName(ours), upstream)).toBeUndefined();
});
