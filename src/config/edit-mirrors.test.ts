import { describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { addMirrorsToConfig, addMirrorsToDaemon } from './edit-mirrors.ts';
import { parseConfig } from './parse-config.ts';

const MIRRORS = new Map([
  [
    'docker.io',
    [
      { url: 'https://mirror.gcr.io', repository: '{repository}' },
      { url: 'https://public.ecr.aws', repository: 'docker/{repository}' },
    ],
  ],
  ['ghcr.io', [{ url: 'https://ghcr.nju.edu.cn', repository: '{repository}' }]],
]);

function mirrorsIn(text: string, upstream: string): readonly string[] {
  const options = { file: 'wharf.yaml', env: {}, resolvePath: (path: string) => path, readSecret: () => '' };
  return (
    parseConfig(text, options)
      .upstreams.get(upstream)
      ?.mirrors.map(({ url }) => url) ?? []
  );
}

describe('a wharf.yaml', () => {
  test('is made where there is none', () => {
    const text = addMirrorsToConfig('', 'wharf.yaml', MIRRORS);
    expect(mirrorsIn(text, 'docker.io')).toEqual(['https://mirror.gcr.io', 'https://public.ecr.aws']);
    expect(mirrorsIn(text, 'ghcr.io')).toEqual(['https://ghcr.nju.edu.cn']);
  });

  test('keeps its words, its order and what it has, which comes first', () => {
    const before = `# ours
data: /var/lib/wharf # a fast disk
upstreams:
  docker.io:
    mirrors:
      - { url: https://public.ecr.aws, for: [manifests] } # official images
hosted: ["team/**"]
`;
    const after = addMirrorsToConfig(before, 'wharf.yaml', MIRRORS);
    for (const kept of ['# ours', '# a fast disk', 'for: [ manifests ]', '# official images']) {
      expect(after.replaceAll(/\[ ?manifests ?\]/g, '[ manifests ]')).toContain(kept);
    }
    expect(mirrorsIn(after, 'docker.io')).toEqual(['https://public.ecr.aws', 'https://mirror.gcr.io']);
    expect(addMirrorsToConfig(after, 'wharf.yaml', MIRRORS)).toBe(after);
  });

  test.each([
    'upstreams: { docker.io: off }',
    'upstreams: { docker.io: { mirrors: x } }',
    '- a list',
    'a: [',
    'just text',
  ])('that cannot be added to is left as it is: %s', (text) => {
    expect(() => addMirrorsToConfig(text, 'wharf.yaml', MIRRORS)).toThrow(UsageError);
  });
});

describe('a daemon.json', () => {
  test('is made where there is none, and keeps what it has', () => {
    expect(JSON.parse(addMirrorsToDaemon('', 'daemon.json', ['https://a.example']))).toEqual({
      'registry-mirrors': ['https://a.example'],
    });
    const before = '{"debug":true,"registry-mirrors":["https://b.example/"]}';
    expect(JSON.parse(addMirrorsToDaemon(before, 'daemon.json', ['https://a.example', 'https://b.example']))).toEqual({
      debug: true,
      'registry-mirrors': ['https://b.example/', 'https://a.example'],
    });
  });

  test.each(['{', '[]', '1', '{"registry-mirrors":"x"}'])('that somebody edited oddly is left as it is: %s', (text) => {
    expect(() => addMirrorsToDaemon(text, 'daemon.json', ['https://a.example'])).toThrow(
      /^daemon\.json is left as it is/,
    );
  });
});
