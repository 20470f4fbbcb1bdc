import { describe, expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { type Tag, parseRepositoryName, parseTag } from '../oci/reference.ts';
import { Traffic } from '../observe/traffic.ts';
import type { ResolvedImage } from './discover.ts';
import type { SyncTarget } from './job.ts';
import { type Present, planRepository } from './plan.ts';
import { targetNames } from './target-names.ts';

const NGINX = parseRepositoryName('library/nginx');
const OLD = digestOf('old');
const NEW = digestOf('new');

function imageOf(digest: Digest, ...tags: readonly string[]): ResolvedImage {
  const resolution = { descriptor: { mediaType: 'x', digest, size: 0 }, asOf: new Date(0) };
  return { repository: NGINX, digest, tags: tags.map(parseTag), resolution, platforms: [] };
}

function targetWith(template = '{repository}'): SyncTarget {
  const repository = () => {
    throw new Error('a plan asks nobody');
  };
  return {
    name: 'reg.example.com',
    url: 'https://reg.example.com/',
    template,
    registry: { traffic: new Traffic(), repository },
  };
}

function present(tags: Readonly<Record<string, Digest>>): Present {
  const held = new Map<Tag, Digest>(Object.entries(tags).map(([tag, digest]) => [parseTag(tag), digest]));
  return { target: targetWith(), name: NGINX, isNew: false, tags: held, sources: held };
}

describe('a plan', () => {
  const wanted = [imageOf(NEW, '1.27', 'latest'), imageOf(OLD, '1.26')];
  const plan = (at: readonly Present[]) => {
    const { actions, upToDate } = planRepository(wanted, at, []);
    return {
      copies: actions.map(({ image, tags, to }) => [image.digest, tags, to.map((one) => at.indexOf(one))]),
      upToDate: upToDate.map(({ digest }) => digest),
    };
  };

  test('leaves alone what is right everywhere', () => {
    const right = present({ '1.27': NEW, latest: NEW, '1.26': OLD, other: OLD });
    expect(plan([right, right])).toEqual({ copies: [], upToDate: [NEW, OLD] });
  });

  test('copies what is missing, and moves the tags that mean something else', () => {
    expect(plan([present({ latest: OLD, '1.26': OLD })])).toEqual({
      copies: [[NEW, ['1.27', 'latest'], [0]]],
      upToDate: [OLD],
    });
    expect(plan([present({ '1.27': NEW, latest: OLD, '1.26': OLD })]).copies).toEqual([[NEW, ['latest'], [0]]]);
  });

  test('goes only to those targets that lack something, with all tags that any of them lacks', () => {
    const right = present({ '1.27': NEW, latest: NEW, '1.26': OLD });
    const [lacksOne, lacksAnother] = [present({ '1.27': NEW, '1.26': OLD }), present({ latest: NEW, '1.26': OLD })];
    expect(plan([lacksOne, right, lacksAnother]).copies).toEqual([[NEW, ['1.27', 'latest'], [0, 2]]]);
  });

  test('compares what the tags were made from, where platforms were chosen', () => {
    const made = present({ '1.27': digestOf('subset'), latest: digestOf('subset'), '1.26': digestOf('other') });
    const { sources } = present({ '1.27': NEW, latest: NEW, '1.26': NEW });
    expect(plan([{ ...made, sources }])).toEqual({ copies: [[OLD, ['1.26'], [0]]], upToDate: [NEW] });
  });
});

describe('the names at a target', () => {
  const names = (template: string, ...images: readonly string[]) => [
    ...targetNames(
      images.map((name) => catalogImage(name)),
      targetWith(template),
      'docker.io',
    ).values(),
  ];

  test.each([
    ['{repository}', ['library/nginx', 'team/app']],
    ['mirror/{name}', ['mirror/nginx', 'mirror/team/app']],
    ['{upstream}/{repository}', ['docker.io/library/nginx', 'docker.io/team/app']],
    ['prefix/', ['prefix/nginx', 'prefix/team/app']],
  ])('are made by the template %s', (template, expected) => {
    expect(names(template, 'nginx', 'team/app')).toEqual(expected);
  });

  test('are one for all images of a repository', () => {
    expect(names('{repository}', 'nginx', 'nginx')).toEqual(['library/nginx']);
  });

  test('that two repositories would share are refused, with both and with what to do', () => {
    expect(() => names('all', 'nginx', 'redis')).toThrow(
      'library/nginx and library/redis would both become all at reg.example.com; use {repository} or {name} in its name, or end it with "/"',
    );
  });

  test.each(['Upper/{name}', '{name}//x', '{name}:latest'])('that are none are refused: %s', (template) => {
    expect(() => names(template, 'nginx')).toThrow(/nginx|template/);
  });
});
