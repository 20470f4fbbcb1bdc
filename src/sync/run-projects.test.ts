import { afterEach, beforeEach, expect, test } from 'vitest';
import { IMAGES, type JobWorld, counts, startJobWorld } from '../../test/support/client/job-world.ts';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { type Registry, startRegistry } from '../../test/support/registry/registry.ts';
import { Traffic } from '../observe/traffic.ts';
import { HarborProjects } from '../remote/harbor-projects.ts';
import { RemoteRegistry } from '../remote/remote-registry.ts';
import type { SyncTarget } from './job.ts';

const LOGIN = { username: 'ada', password: 'canary', scheme: 'bearer' } as const;

let cleanup: AsyncDisposableStack;
let world: JobWorld;
let harbor: Registry;

beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  world = cleanup.use(await startJobWorld(IMAGES));
  harbor = cleanup.use(await startRegistry({ projects: ['library'], login: LOGIN }));
});

afterEach(() => cleanup.disposeAsync());

function target({ createProjects }: { createProjects: boolean }) {
  const { network } = cleanup.use(openNetwork());
  const credentials = () => Promise.resolve(LOGIN);
  const url = new URL(harbor.url);
  const projects = createProjects
    ? new HarborProjects({ url, network, traffic: new Traffic(), credentials })
    : undefined;
  const registry = new RemoteRegistry({ name: 'harbor', url, network, credentials });
  return { name: 'harbor', url: url.href, template: 'team/{name}', registry, projects } satisfies SyncTarget;
}

test('a Harbor gets the private project that it lacks, once, and then the images', async () => {
  const report = await world.run({ targets: [target({ createProjects: true })] });
  expect([report.tags, report.notices]).toEqual([
    counts({ wanted: 6, copied: 6 }),
    [expect.stringMatching(/^made the private project team at /)],
  ]);
  expect(harbor.harbor?.projects.get('team')).toBe('private');
  const again = await world.run({ targets: [target({ createProjects: true })] });
  expect([again.tags.upToDate, again.notices]).toEqual([6, []]);
});

test('a Harbor gets no project that nobody asked for, and the sentence says how to ask', async () => {
  await expect(world.run({ targets: [target({ createProjects: false })] })).rejects.toThrow(
    /team\/nginx.*; where a Harbor lacks the project, --create-projects makes it$/,
  );
  expect([...(harbor.harbor?.projects.keys() ?? [])]).toEqual(['library']);
});
