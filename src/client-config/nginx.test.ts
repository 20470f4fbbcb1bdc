import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientSetup } from './client-setup.ts';
import { type NginxOptions, nginxConfiguration } from './nginx.ts';

const THREE: ClientSetup = {
  upstreams: ['docker.io', 'ghcr.io', 'quay.io'].map((name) => ({
    name,
    registryUrl: `https://${name}`,
    endpoints: [{ url: `https://${name.split('.')[0]}.mirror.example`, isDedicated: true }],
  })),
};

function oneAt(url: string, isDedicated = true): ClientSetup {
  return {
    upstreams: [{ name: 'docker.io', registryUrl: 'https://docker.io', endpoints: [{ url, isDedicated }] }],
  };
}

function textOf(setup: ClientSetup, options?: NginxOptions): string {
  return nginxConfiguration(setup, options).files[0]?.text ?? '';
}

describe('the configuration of nginx is as reviewed', () => {
  test('with a name for each upstream, and blobs that it sends itself', async () => {
    const text = textOf(THREE, { blobsFolder: '/var/lib/wharf/blobs-v1' });
    await expect(text).toMatchFileSnapshot('../../test/golden/client-config/nginx.conf');
  });

  test('with one name for all, over http, and everything from Wharf', async () => {
    const text = textOf(oneAt('http://mirror.example:5080', false), { backend: '192.0.2.7:5000', bind: '192.0.2.8' });
    await expect(text).toMatchFileSnapshot('../../test/golden/client-config/nginx-plain.conf');
  });
});

test('the settings that it tells of are those of a wharf.yaml', () => {
  const settings = [...textOf(THREE, { blobsFolder: '/srv/blobs-v1' }).matchAll(/^# {5}(.*)$/gm)].map(
    ([, line]) => line,
  );
  const config = parseConfig(settings.join('\n'), {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (path) => path,
    readSecret: () => '',
  });
  expect(config).toMatchObject({ trustedProxies: ['127.0.0.1'], accelRedirect: '/_blobs' });
  expect(config.upstreams.get('ghcr.io')?.hosts).toEqual(['ghcr.mirror.example']);
});

test('long names get the room that they need', () => {
  const bucketFor = (length: number) => {
    const label = 'a'.repeat(40);
    const host = `${label}.${label}.${label}.${label}.${label}.${label}`.slice(-length);
    return /server_names_hash_bucket_size (\d+)/.exec(textOf(oneAt(`https://${host}`)))?.[1];
  };
  expect([46, 47, 110, 111, 245].map(bucketFor)).toEqual([undefined, '128', '128', '256', '512']);
});

test('what a person has to do is said: the certificate, and who reads the blobs', () => {
  const { remarks, trial } = nginxConfiguration(THREE, { blobsFolder: '/srv/blobs-v1' });
  expect(remarks.join('\n')).toMatch(
    /certificate is to be at \/etc\/nginx\/wharf\.crt[^]*able to read "\/srv\/blobs-v1\/"/,
  );
  expect(trial).toBe('docker pull docker.mirror.example/library/busybox');
  const certificate = { file: '/a.crt', keyFile: '/a.key' };
  expect(nginxConfiguration(THREE, { certificate }).remarks.join('\n')).not.toMatch(/certificate|read/);
});

test('no value changes what the file says, whatever is in it', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a;b', 'a b', '~.*', '*.a', '$host'),
  );
  const path = fc.oneof(
    fc.constant('/srv/x'),
    fc.string({ unit: 'binary' }).map((text) => `/${text}`),
  );
  const values = fc.record({ host, name: host, file: path, folder: path, backend: host });
  const shape = shapeOf(textOf(oneAt('https://a.test'), { blobsFolder: '/x' }));
  fc.assert(
    fc.property(values, ({ host, name, file, folder, backend }) => {
      const [upstream] = oneAt(`https://${host}`).upstreams;
      const setup = { upstreams: [{ ...upstream!, name }] };
      const options = { certificate: { file, keyFile: file }, blobsFolder: folder, backend: `${backend}:5000` };
      let text: string;
      try {
        text = textOf(setup, options);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return;
      }
      const found = shapeOf(text).filter((word) => word !== 'server_names_hash_bucket_size');
      expect(found).toEqual(shape);
    }),
    { numRuns: 150 },
  );
});

/** The names of its directives and its braces, as nginx reads them: quoted texts, comments and all. */
function shapeOf(text: string): string[] {
  const tokens = text.matchAll(/#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{};]|[^\s{};"'#]+/g);
  const shape: string[] = [];
  let isFirst = true;
  for (const [token] of tokens) {
    if (token.startsWith('#')) continue;
    const isEnd = ['{', '}', ';'].includes(token);
    if (isFirst || (isEnd && token !== ';')) shape.push(token);
    isFirst = isEnd;
  }
  return shape;
}
