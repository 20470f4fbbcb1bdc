import { expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { frontOptions } from './front-options.ts';

function optionsOf(yaml: string) {
  return frontOptions(
    parseConfig(yaml, { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret: () => '' }),
  );
}

test.each([
  ['', '127.0.0.1:5000'],
  ['listen: ":5002"', '127.0.0.1:5002'],
  ['listen: "[::]:5002"', '127.0.0.1:5002'],
  ['listen: "[::1]:5002"', '[::1]:5002'],
  ['listen: [unix:/run/wharf.sock, 10.0.0.7:5000]', '10.0.0.7:5000'],
  // Then somebody has to say it.
  ['listen: unix:/run/wharf.sock', undefined],
])('with "%s" it comes to %s', (yaml, backend) => {
  expect(optionsOf(yaml)).toEqual({ backend });
});

test('blobs are read below the data folder, if Wharf names their files', () => {
  const yaml = 'data: /var/lib/wharf\ntrustedProxies: [127.0.0.1]\naccelRedirect: /layers';
  expect(optionsOf(yaml)).toMatchObject({ accelRedirect: '/layers', blobsFolder: '/var/lib/wharf/blobs-v1' });
});
