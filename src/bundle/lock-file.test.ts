import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type LockFile, type LockedManifest, contentsOf, formatLockFile, parseLockFile } from './lock-file.ts';
import { missing } from './missing.ts';
import { ofList, ofLock } from './other-side.ts';

const at = (name: string) => digestOf(name);
const digests = fc.integer({ min: 0, max: 30 }).map((each) => digestOf(`${each}`));

const NGINX: LockFile = {
  tool: 'wharf 0.1.0',
  images: [
    {
      reference: 'docker.io/library/nginx:1',
      digest: at('index'),
      name: '1',
      platforms: ['linux/amd64'],
      sizeBytes: 9,
    },
  ],
  manifests: [
    { digest: at('index'), mediaType: 'i', sizeBytes: 1, parts: [at('image')], platforms: ['linux/amd64'] },
    { digest: at('image'), mediaType: 'm', sizeBytes: 2, parts: [at('config'), at('layer')] },
  ],
  blobs: [
    { digest: at('config'), sizeBytes: 1 },
    { digest: at('layer'), sizeBytes: 5 },
  ],
  absent: [],
};

describe('a lock file', () => {
  test('is read as it was written, and written alike twice', () => {
    const text = formatLockFile(NGINX);
    expect(parseLockFile(text, 'it')).toEqual(NGINX);
    expect(formatLockFile(parseLockFile(text, 'it'))).toBe(text);
    expect(parseLockFile(formatLockFile({ ...NGINX, images: [], absent: [] }), 'it').images).toEqual([]);
  });

  test.each([
    ['{', 'the lock is not JSON'],
    ['{"version":2}', 'only version 1 is read here'],
    [formatLockFile(NGINX).replace(at('layer'), 'sha256:x'), 'expected a digest'],
  ])('that is none is refused in a sentence: %s', (text, message) => {
    expect(() => parseLockFile(text, 'the lock')).toThrow(UsageError);
    expect(() => parseLockFile(text, 'the lock')).toThrow(message);
  });

  test('that names parts in a circle comes to an end', () => {
    const circle: LockedManifest[] = [
      { digest: at('a'), mediaType: 'i', sizeBytes: 1, parts: [at('b')] },
      { digest: at('b'), mediaType: 'i', sizeBytes: 1, parts: [at('a'), at('c')] },
    ];
    const { manifests, blobs } = contentsOf(at('a'), new Map(circle.map((each) => [each.digest, each])));
    expect(manifests.map(({ digest }) => digest).toSorted()).toEqual([at('a'), at('b')].toSorted());
    expect(blobs).toEqual([at('c')]);
  });
});

describe('what is missing', () => {
  test('is what is wanted minus what the other side has: each once, in order, nothing lost and nothing twice', () => {
    fc.assert(
      fc.property(fc.array(digests), fc.array(digests), (wanted, there) => {
        const holdings = new Map(there.map((digest) => [digest, 'docker.io/library/x']));
        const split = missing(wanted, holdings);
        const absent = split.absent.map(({ digest }) => digest);
        expect([...split.missing, ...absent].toSorted()).toEqual([...new Set(wanted)].toSorted());
        expect(split.missing).toEqual(split.missing.toSorted());
        expect(split.missing.some((digest) => holdings.has(digest))).toBe(false);
        expect(absent.every((digest) => holdings.has(digest))).toBe(true);
      }),
    );
  });
});

describe('what the other side has', () => {
  test('after a bundle is all that its images need, in their repositories', () => {
    const { holdings, manifests, sizes } = ofLock(NGINX);
    const all = ['index', 'image', 'config', 'layer'].map(at);
    expect([...holdings.keys()].toSorted()).toEqual(all.toSorted());
    expect(new Set(holdings.values())).toEqual(new Set(['docker.io/library/nginx']));
    expect(manifests.get(at('index'))?.parts).toEqual([at('image')]);
    expect(sizes.get(at('layer'))).toBe(5);
  });

  test('by a list is what its lines name, with or without a name, and as wharf manifests writes it', () => {
    const lines = [
      '# the other side',
      `nginx:1@${at('a')}`,
      `ghcr.io/o/app@${at('b')}  # by digest`,
      at('c'),
      `redis:8\t${at('d')}\tapplication/vnd.oci.image.index.v1+json\t123`,
      '',
    ];
    expect(ofList(lines.join('\n'), 'have').holdings).toEqual(
      new Map<Digest, string>([
        [at('a'), 'docker.io/library/nginx'],
        [at('b'), 'ghcr.io/o/app'],
        [at('c'), ''],
        [at('d'), 'docker.io/library/redis'],
      ]),
    );
  });

  test.each([
    ['nginx:1', 'have:2: "nginx:1" has no digest; write NAME:TAG@sha256:'],
    [`A B@${at('a')}`, 'have:2: '],
  ])('cannot be told by the line %s', (line, message) => {
    expect(() => ofList(`# first\n${line}`, 'have')).toThrow(UsageError);
    expect(() => ofList(`# first\n${line}`, 'have')).toThrow(message);
  });
});
