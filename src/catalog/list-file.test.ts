import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatReference, parseTag } from '../oci/reference.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { listCatalog, parseImageList } from './list-file.ts';
import type { ListTags } from './tag-list.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** Every repository has `3` and `latest`, but for those that are missing or down. */
const listTags: ListTags = async (repository) => {
  if (repository === 'library/missing') return undefined;
  if (repository === 'down/app') throw new RemoteError('docker.io', 'SERVER_ERROR', 'answered 500 for the tags');
  return ['3', 'latest'].map((tag) => ({ tag: parseTag(tag), platforms: [] }));
};

describe('an image list', () => {
  const read = (text: string) => {
    const { entries, problems } = parseImageList(text, 'images.list');
    expect(problems).toEqual([]);
    return entries.map(({ line, reference, tags }) => `${line} ${formatReference(reference)} [${tags.join()}]`);
  };

  test('has a name, a tag, several tags or a digest on a line', () => {
    expect(read(`nginx\nnginx:1.27\nredis:7.4,7,latest\na/b@${DIGEST}\na/b:1@${DIGEST}`)).toEqual([
      '1 docker.io/library/nginx []',
      '2 docker.io/library/nginx:1.27 [1.27]',
      '3 docker.io/library/redis:7.4 [7.4,7,latest]',
      `4 docker.io/a/b@${DIGEST} []`,
      `5 docker.io/a/b:1@${DIGEST} [1]`,
    ]);
  });

  test('has images of any registry', () => {
    expect(read('ghcr.io/o/x:1\nlocalhost:5000/x\ndocker://quay.io/a/b:2,3\n')).toEqual([
      '1 ghcr.io/o/x:1 [1]',
      '2 localhost:5000/x []',
      '3 quay.io/a/b:2 [2,3]',
    ]);
  });

  test('has comments, empty lines, and line ends of any system', () => {
    expect(read('\uFEFF# all\r\n\r\n  nginx:1 # web\r\n\t# redis:7\n   \nredis:7#8'.replace('#8', ' #8'))).toEqual([
      '3 docker.io/library/nginx:1 [1]',
      '6 docker.io/library/redis:7 [7]',
    ]);
  });

  test('has a tag once, however often a line repeats it', () => {
    expect(read('nginx:1,2,1')).toEqual(['1 docker.io/library/nginx:1 [1,2]']);
  });

  test.each([
    ['two words', '"library/two words" is not a repository name'],
    ['Upper:1', '"library/Upper" is not a repository name'],
    ['nginx:', '"" is not a tag'],
    ['nginx:1,', '"" is not a tag'],
    ['nginx:1, 2', '" 2" is not a tag'],
    ['nginx,redis', '"nginx" stands before a comma, but does not end in a tag'],
    ['nginx:1,redis:7', '"redis:7" is not a tag'],
    [`nginx:1@${DIGEST},2`, 'stands before a comma, but does not end in a tag'],
    ['nginx@sha256:0', '"sha256:0" is not a sha256 or sha512 digest'],
    ['a_.com/x', '"a_.com" is not a registry\'s host name'],
    ['nginx:1#web', '"1#web" is not a tag'],
    [':1', 'names no repository'],
  ])('has %j as a problem of its line, and the rest is read', (garbage, why) => {
    const { entries, problems } = parseImageList(`nginx:1\n${garbage}\nredis:7`, 'images.list');
    expect(entries.map(({ line }) => line)).toEqual([1, 3]);
    expect(problems).toMatchObject([{ file: 'images.list', line: 2 }]);
    expect(problems[0]?.message).toContain(why);
    expect(problems[0]?.message).toMatch(/; write NAME, NAME:TAG or NAME:TAG,TAG$/);
  });

  test('has for each line of any text an entry, a problem, or nothing', () => {
    const check = (text: string) => {
      const { entries, problems } = parseImageList(text, 'x');
      const lines = [...entries, ...problems].map(({ line }) => line);
      expect(new Set(lines).size).toBe(lines.length);
      expect(lines.every((line) => line !== undefined && line >= 1 && line <= text.split('\n').length)).toBe(true);
    };
    const piece = fc.oneof(fc.constantFrom('\n', '#', ':', ',', '@', '/', ' ', 'nginx', '1.0', DIGEST), fc.string());
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        check,
      ),
    );
  });
});

describe('the catalog of a list', () => {
  const list = (text: string, upstream = 'docker.io') => {
    const read = () => Promise.resolve({ text, file: 'images.list' });
    return listCatalog({ description: 'the list images.list', upstream, read, listTags }).list();
  };

  test('wants each tag as an image of its own, and all tags where a line names none', async () => {
    expect(await list('nginx:1.27,1.26\njenkins/agent\n')).toEqual({
      images: [
        { repository: 'library/nginx', name: 'nginx', tags: ['1.27'], platforms: [] },
        { repository: 'library/nginx', name: 'nginx', tags: ['1.26'], platforms: [] },
        { repository: 'jenkins/agent', name: 'jenkins/agent', tags: ['3'], platforms: [] },
        { repository: 'jenkins/agent', name: 'jenkins/agent', tags: ['latest'], platforms: [] },
      ],
      problems: [],
      notices: [],
    });
  });

  test('wants a tag once, however often and however it is written', async () => {
    const { images } = await list('nginx:1,latest\ndocker.io/library/nginx:1\nnginx\nlibrary/nginx:2,1\nnginx');
    const lines = images.map(({ name, tags }) => `${name}:${tags.join()}`);
    expect(lines).toEqual(['nginx:1', 'nginx:latest', 'nginx:3', 'nginx:2']);
  });

  test('has a name whose tags cannot be listed as a problem of its line, and wants the rest', async () => {
    const { images, problems } = await list('missing\nnginx:1\n# more\ndown/app\nnginx');
    expect(images.map(({ name, tags }) => `${name}:${tags.join()}`)).toEqual(['nginx:1', 'nginx:3', 'nginx:latest']);
    expect(problems).toEqual([
      {
        file: 'images.list',
        line: 1,
        message:
          'the tags of "missing" could not be listed: docker.io has no such repository, or shows it to nobody without a login',
      },
      {
        file: 'images.list',
        line: 4,
        message: 'the tags of "down/app" could not be listed: docker.io answered 500 for the tags',
      },
    ]);
  });

  test('has images of another registry, and digests, as problems by line', async () => {
    const { images, problems } = await list(`ghcr.io/o/x:1\nnginx@${DIGEST}\n!\nnginx:1`);
    expect(images).toHaveLength(1);
    expect(problems.map(({ file, line, message }) => `${file}:${line}: ${message}`)).toEqual([
      'images.list:1: "ghcr.io/o/x" is an image of ghcr.io, but this catalog is of docker.io; put it in a list of its own',
      'images.list:2: "nginx" is given by digest, but a catalog wants tags; name a tag, or copy the digest by itself',
      'images.list:3: "library/!" is not a repository name; write NAME, NAME:TAG or NAME:TAG,TAG',
    ]);
  });

  test('may be that of another registry', async () => {
    expect(await list('ghcr.io/o/x:1', 'ghcr.io')).toMatchObject({
      images: [{ repository: 'o/x', name: 'ghcr.io/o/x', tags: ['1'] }],
    });
  });

  test('is read anew for each listing', async () => {
    const texts = ['nginx:1', 'nginx:2'];
    const read = () => Promise.resolve({ text: texts.shift() ?? '', file: 'x' });
    const catalog = listCatalog({ description: 'a list', upstream: 'docker.io', read, listTags });
    expect((await catalog.list()).images).toMatchObject([{ tags: ['1'] }]);
    expect((await catalog.list()).images).toMatchObject([{ tags: ['2'] }]);
  });
});
