import { expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { parseMirrorPlace } from './mirror-places.ts';

const CONFIG = parseConfig(
  `
upstreams:
  docker.io:
    credentials: { username: ann, password: secret }
    mirrors:
      - { url: https://public.ecr.aws, repository: "docker/{repository}", repositories: ["library/**"] }
sync:
  - name: nightly
    from: docker.io
    catalog: { images: [nginx] }
    to: [{ url: https://reg.example.com, repository: "team/{name}", credentials: { username: bob, password: other } }]
`,
  { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret: () => '' },
);

const place = (text: string, isPlainHttp = false) => parseMirrorPlace(text, CONFIG, isPlainHttp);

test.each([
  ['mirror.example.com', 'https://mirror.example.com', '{repository}'],
  ['localhost:5000', 'http://localhost:5000', '{repository}'],
  ['localhost:5000/', 'http://localhost:5000', '{repository}'],
  ['http://old:5000/v2/', 'http://old:5000', '{repository}'],
  ['docker://mirror.example.com', 'https://mirror.example.com', '{repository}'],
  ['localhost:5000/mirror/', 'http://localhost:5000', 'mirror/'],
  ['https://m.example.com/{upstream}/{repository}', 'https://m.example.com', '{upstream}/{repository}'],
])('%s is at %s, and calls repositories %s', (text, url, repository) => {
  expect(place(text)).toEqual({
    kind: 'registry',
    name: text,
    isForPublic: false,
    mirror: { url, repository, repositories: ['**'], for: ['manifests', 'blobs'], realms: [], insecure: false },
  });
});

test('store: is our own', () => {
  expect(place('store:')).toEqual({ kind: 'store', name: 'store:' });
  expect(place('store')).toEqual({ kind: 'store', name: 'store:' });
});

test('a configured mirror is asked by its names, and for its repositories alone', () => {
  expect(place('public.ecr.aws')).toMatchObject({
    isForPublic: true,
    mirror: { url: 'https://public.ecr.aws', repository: 'docker/{repository}', repositories: ['library/**'] },
  });
});

test('a sync target is asked by the names and with the login of its job, unless a path is written', () => {
  const credentials = { username: 'bob', password: 'other' };
  expect(place('reg.example.com')).toMatchObject({ mirror: { repository: 'team/{name}', credentials } });
  expect(place('reg.example.com/else/')).toMatchObject({ mirror: { repository: 'else/', credentials } });
});

test('an upstream is asked as one, whose pulls are counted, also by its address', () => {
  const expected = { kind: 'upstream', upstream: 'docker.io', template: '{repository}' };
  expect(place('docker.io')).toMatchObject(expected);
  expect(place('https://registry-1.docker.io')).toMatchObject(expected);
});

test('no other mirror is given the login of the authority', () => {
  for (const text of ['mirror.example.com', 'http://registry-1.docker.io.example.com', 'localhost:5000']) {
    expect(JSON.stringify(place(text))).not.toContain('secret');
  }
});

test('--plain-http means http, except where a scheme is written', () => {
  expect(place('old:5000', true)).toMatchObject({ mirror: { url: 'http://old:5000' } });
  expect(place('https://new:5000', true)).toMatchObject({ mirror: { url: 'https://new:5000' } });
});

test.each(['', 'nginx', 'a b', 'ftp://x', 'https://user:secret@x', 'localhost:5000/{nope}'])(
  '%j is no mirror',
  (text) => {
    expect(() => place(text)).toThrow(/is not a mirror; write a host|may use \{repository\}/);
  },
);
