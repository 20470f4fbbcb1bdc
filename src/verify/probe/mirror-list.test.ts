import { describe, expect, test } from 'vitest';
import { UsageError } from '../../oci/usage-error.ts';
import { KNOWN_MIRRORS } from './known-mirrors.ts';
import { formatMirrorList, parseMirrorArgument, parseMirrorList } from './mirror-list.ts';

test('what is printed is read again as it was', () => {
  expect(parseMirrorList(formatMirrorList(KNOWN_MIRRORS), 'list')).toEqual(KNOWN_MIRRORS);
});

test('comments and empty lines are passed over, and hosts are https', () => {
  expect(parseMirrorList('# mine\n\nghcr.io mirror.example team/{name} # ours\r\n', 'list')).toEqual([
    { upstream: 'ghcr.io', url: 'https://mirror.example', repository: 'team/{name}', note: 'ours' },
  ]);
});

test.each(['docker.io', 'docker.io https://', 'docker.io https://u:p@m.example', 'docker.io m.example {x}', 'a b c d'])(
  'a line that is none is named: %s',
  (line) => {
    const read = () => parseMirrorList(`docker.io https://mirror.gcr.io\n${line}\n`, 'my.list');
    expect(read).toThrow(UsageError);
    expect(read).toThrow(/^my\.list:2: .* is no mirror; write UPSTREAM URL/);
  },
);

describe('an argument', () => {
  test.each([
    ['mirror.gcr.io', 'docker.io', 'https://mirror.gcr.io', '{repository}'],
    ['localhost:5000', 'docker.io', 'http://localhost:5000', '{repository}'],
    ['ghcr.io=https://ghcr.nju.edu.cn', 'ghcr.io', 'https://ghcr.nju.edu.cn', '{repository}'],
    ['quay.io=m.daocloud.io/quay.io/{repository}', 'quay.io', 'https://m.daocloud.io', 'quay.io/{repository}'],
  ])('%s is a mirror', (text, upstream, url, repository) => {
    expect(parseMirrorArgument(text)).toEqual({ upstream, url, repository });
  });

  test.each(['', 'mirror', 'ghcr.io=', 'https://u:p@m.example', 'not a host'])('"%s" is none', (text) => {
    expect(() => parseMirrorArgument(text)).toThrow(UsageError);
  });
});
