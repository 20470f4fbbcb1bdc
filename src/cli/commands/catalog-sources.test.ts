import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogImage } from '../../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../../test/support/hub/hub.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import { main } from '../main.ts';

const IMAGES = [
  catalogImage('nginx', ['1.27.1', '1.27', 'latest'], ['linux/amd64', 'linux/arm64']),
  catalogImage('nginx', ['1.27.0']),
  catalogImage('nginx', ['1.26.2', '1.26']),
  catalogImage('redis', ['7.4', '7']),
  catalogImage('team/app', ['1']),
];
let folder: string;
let hub: Hub;
let target: Registry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-catalogs-'));
  hub = await startHub({ images: IMAGES, oldTagsPerRepository: 0, limit: 5 });
  target = await startRegistry();
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  await writeFile(join(folder, 'wharf.yaml'), JSON.stringify({ upstreams, sync: [JOB] }));
});

afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const JOB = {
  name: 'both',
  catalog: [{ hub: { namespace: 'team' } }, { images: ['nginx'] }],
  exclude: ['/:latest$/'],
  semver: { nginx: '~1.27' },
  newest: 1,
  maxAge: '36500d',
};

async function run(args: readonly string[], input = '') {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, { ...terminal, readInput: () => Promise.resolve(input) });
  return { lines: said.out.trim().split('\n'), ...said, exitCode };
}
const catalog = (...args: readonly string[]) => run(['catalog', ...args]);

describe('wharf catalog', () => {
  test('lists a namespace, tags of one digest on one line', async () => {
    expect(await catalog('--catalog', 'hub:library')).toMatchObject({
      lines: ['nginx:1.26,1.26.2', 'nginx:1.27,1.27.1,latest', 'nginx:1.27.0', 'redis:7,7.4'],
      err: '2 names, 4 images, 8 tags\n',
      exitCode: 0,
    });
  });

  test('unites whatever is named, and chooses of it', async () => {
    const { lines } = await catalog(
      '--catalog',
      'hub:team',
      '--catalog',
      'hub:library',
      '--images',
      'redis:7',
      '--semver',
      'nginx:>=1.27.1',
    );
    expect(lines).toEqual(['team/app:1', 'nginx:1.27.1', 'redis:7,7.4']);
  });

  test('takes a list from the standard input, where a name without a tag means all its tags', async () => {
    const { lines, err, exitCode } = await run(
      ['catalog', '--file', '-', '--format', 'tags'],
      '# mine\nredis # all\nnginx:1.27\nno image\nnginx:1.27\n',
    );
    expect([lines, exitCode]).toEqual([['redis:7', 'redis:7.4', 'nginx:1.27'], 1]);
    expect(err).toContain('standard input:4: "library/no image" is not a repository name');
  });

  test.each(['images', 'tags', 'names'])('prints as %s what it reads again', async (format) => {
    const whole = await catalog('--catalog', 'hub:library', '--format', 'tags');
    const list = await catalog('--catalog', 'hub:library', '--format', format);
    const again = await run(['catalog', '--file', '-', '--format', 'tags'], list.out);
    expect(again.lines.toSorted()).toEqual(whole.lines.toSorted());
  });

  test.each([
    ['--newest', '1'],
    ['--latest-patch'],
    ['--max-age', '36500d'],
    ['--min-age', '1s'],
    ['--include', '/^nginx:/'],
  ])('honours %s %s', async (...flags) => {
    const { lines, exitCode } = await catalog('--catalog', 'hub:library', '--exclude', '*:1.26*', ...flags);
    expect(exitCode).toBe(0);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every((line) => !line.includes('1.26'))).toBe(true);
  });

  test('leaves out what is too young', async () => {
    expect(await catalog('--images', 'nginx,redis', '--min-age', '36500d')).toMatchObject({ out: '', exitCode: 0 });
  });

  test.each([
    [['--catalog', 'hub:nobody'], 'has no namespace "nobody"'],
    [['--catalog', 'hub:../x'], 'is not a catalog'],
    [['--catalog', 'nonsense'], 'is not a catalog'],
    [['--images', 'nginx:1', '--include', '/(/'], 'is not a regular expression'],
    [['--images', 'nginx:1', '--semver', 'new'], 'is not a range'],
    [['--images', 'nginx:1', '--semver', '1', '--semver', '2'], 'for the same names'],
    [['--images', 'nginx:1', '--newest', '0'], 'is not a number of images'],
    [['--images', 'nginx:1', '--min-age', 'old'], 'is not a duration'],
    [['--images', 'quay.io/a/b:1', '--max-age', '1d'], 'nobody tells when tags of quay.io were moved'],
  ])('with %j has exit code 2, and says why', async (args, why) => {
    const { out, err, exitCode } = await catalog(...args);
    expect([out, exitCode]).toEqual(['', 2]);
    expect(err).toContain(why);
  });
});

test('wharf sync copies what a job of the configuration chooses of its catalogs, and then a registry lists it', async () => {
  const job = { ...JOB, to: target.url };
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  await using free = await startHub({ images: IMAGES, oldTagsPerRepository: 0 });
  upstreams['docker.io'] = { url: free.registryUrl, hubApi: free.apiUrl };
  await writeFile(join(folder, 'sync.yaml'), JSON.stringify({ upstreams, sync: [job] }));
  expect(await run(['sync', '--config', 'sync.yaml'])).toMatchObject({ exitCode: 0 });
  const host = new URL(target.url).host;
  const listed = await catalog('--catalog', `registry:${target.url}`);
  expect(listed.lines).toEqual([`${host}/library/nginx:1.27`, `${host}/library/nginx:1.27.1`, `${host}/team/app:1`]);
  const copied = await run([
    'sync',
    '--catalog',
    `registry:${target.url}/team/*`,
    '--to',
    `${target.url}/copy/{repository}`,
  ]);
  expect(copied.exitCode).toBe(0);
  expect((await catalog('--catalog', `registry:${target.url}/copy/`)).lines).toEqual([`${host}/copy/team/app:1`]);
});

test('wharf plan says size, pulls, and how long they take under the limit, and spends none', async () => {
  hub.resetCounters();
  const { out, exitCode } = await run(['plan', '--catalog', 'hub:library', '--to', target.url, '--json']);
  expect(exitCode).toBe(0);
  const [plan] = (JSON.parse(out) as { jobs: { toCopy: { pulls: number }; secondsUnderLimit: number }[] }).jobs;
  expect(plan).toMatchObject({ pullsLeft: 5, limit: { limit: 5, windowSeconds: 3600 }, toCopy: { isSizeKnown: true } });
  // Five now, five in an hour, and four in two.
  expect([plan?.toCopy.pulls, plan?.secondsUnderLimit]).toEqual([14, 7200]);
  expect(hub.counters.manifestGets).toBe(0);
  const text = await run(['plan', '--catalog', 'hub:library', '--to', target.url]);
  expect(text.out).toContain('pulls left: 5 of 5 every 1 h; 14 pulls take 2 h at most');
});
