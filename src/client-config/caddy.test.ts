import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { caddyConfiguration } from './caddy.ts';
import type { ClientSetup } from './client-setup.ts';
import type { FrontServerOptions } from './front-server.ts';

function setupOf(...urls: readonly string[]): ClientSetup {
  const names = ['docker.io', 'ghcr.io', 'quay.io'];
  return {
    upstreams: urls.map((url, index) => ({
      name: names[index] ?? '',
      registryUrl: `https://${names[index]}`,
      endpoints: [{ url, isDedicated: true }],
    })),
  };
}

function textOf(setup: ClientSetup, options?: FrontServerOptions): string {
  return caddyConfiguration(setup, options).files[0]?.text ?? '';
}

test('the configuration of Caddy is as reviewed', async () => {
  const setup = setupOf('https://docker.mirror.example', 'https://ghcr.mirror.example', 'https://quay.mirror.example');
  const certificate = { file: '/etc/caddy/wharf.crt', keyFile: '/etc/caddy/wharf.key' };
  await expect(textOf(setup, { certificate })).toMatchFileSnapshot('../../test/golden/client-config/caddy.caddyfile');
});

test('without a certificate Caddy gets one itself, and for http none', () => {
  const withTls = caddyConfiguration(setupOf('https://a.test'));
  expect(withTls.files[0]?.text).not.toMatch(/^\s*tls /m);
  expect(withTls.remarks.join('\n')).toMatch(/Caddy gets certificates itself/);
  expect(caddyConfiguration(setupOf('http://a.test')).remarks.join('\n')).not.toMatch(/certificate/);
});

test('no value changes what the file says, whatever is in it', () => {
  const host = fc.oneof(fc.domain(), fc.string({ unit: 'binary' }), fc.constantFrom('a,b', 'a b', '*.a', '{$HOME}'));
  const path = fc.oneof(
    fc.constant('/srv/x'),
    fc.string({ unit: 'binary' }).map((text) => `/${text}`),
  );
  const shape = shapeOf(textOf(setupOf('https://a.test'), { certificate: { file: '/a', keyFile: '/b' } }));
  fc.assert(
    fc.property(host, path, host, (name, file, backend) => {
      const options = { certificate: { file, keyFile: file }, backend: `${backend}:5000` };
      let text: string;
      try {
        text = textOf(setupOf(`https://${name}`), options);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return;
      }
      expect(shapeOf(text)).toEqual(shape);
    }),
    { numRuns: 150 },
  );
});

/** How many words each line has, comments aside; quoted texts are one. */
function shapeOf(text: string): number[] {
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  return lines.map((line) => [...line.matchAll(/"[^"]*"|\S+/g)].length);
}
