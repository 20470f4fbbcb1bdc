// Jobs that a server runs by itself: by a schedule, after a kill, when the pulls are back, and as it is told.
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createHmac } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { historyOfJob } from '../../src/app/job-status.ts';
import type { JobStatus, RunStatus } from '../../src/http/admin/admin-subject.ts';
import { Journal } from '../../src/journal/journal.ts';
import { freePort } from '../support/programs/free-port.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { RunningProgram } from '../support/programs/program.ts';
import { type SyncWorld, openSyncWorld } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('docker-registry');
const NEVER_SOON = '0 0 29 2 *';
/** So that a run lasts long enough to be met in its middle. */
const SLOW_MS = 60;
const SECRET = 'a secret of ours';

interface Settings {
  readonly schedule?: string;
  readonly latencyMs?: number;
  readonly limit?: number;
  readonly windowSeconds?: number;
}

interface ScheduleWorld extends AsyncDisposable {
  readonly world: SyncWorld;
  /** What the webhook was told, with a right signature. */
  readonly told: readonly Record<string, unknown>[];
  serve(): Promise<RunningProgram>;
  /** `wharf jobs ARGS --json`: takes as long as a program takes to start. */
  jobs(...args: string[]): Promise<unknown>;
  /** As the admin listener tells it. */
  status(): Promise<JobStatus>;
  /** As the data folder has it, the latest first. */
  runs(): readonly RunStatus[];
  metrics(): Promise<string>;
}

async function openWorld({ schedule = NEVER_SOON, ...hub }: Settings = {}): Promise<ScheduleWorld> {
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await openSyncWorld({ hub }));
  const { told, url } = opened.use(await openWebhook());
  const [listen, admin] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const catalog = { officialImages: { repository: SMALL_LIBRARY } };
  const { registryUrl, apiUrl } = world.hub;
  const config = {
    listen,
    admin,
    data: './data',
    upstreams: { 'docker.io': { url: registryUrl, hubApi: apiUrl } },
    sync: [{ name: 'library', catalog, to: `${world.registry.url}/{repository}`, schedule }],
    notify: [{ url, secret: SECRET }],
  };
  await world.wharf.configure(JSON.stringify(config));
  const jobs = async (...args: string[]) => {
    const { code, stdout, stderr } = await world.wharf.run(['jobs', ...args, '--json']);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as unknown;
  };
  const resources = opened.move();
  return {
    world,
    told,
    async serve() {
      const program = resources.use(await world.wharf.start(['serve']));
      await program.firstLine;
      return program;
    },
    jobs,
    status: async () => (await (await fetch(`http://${admin}/v1/jobs/library`)).json()) as JobStatus,
    runs() {
      using journal = Journal.open(world.wharf.dataFolder, { now: Date.now, onNotice: () => undefined });
      return historyOfJob({ name: 'library' }, journal);
    },
    metrics: async () => await (await fetch(`http://${admin}/metrics`)).text(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openWebhook() {
  const told: Record<string, unknown>[] = [];
  const hear = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    const { 'x-wharf-timestamp': timestamp, 'x-wharf-signature': signature } = request.headers;
    const expected = createHmac('sha256', SECRET)
      .update(`${String(timestamp)}.${body}`)
      .digest('hex');
    if (signature === `sha256=${expected}`) told.push(JSON.parse(body) as Record<string, unknown>);
    response.end();
  };
  const server = createServer((request, response) => void hear(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const dispose = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { told, url, [Symbol.asyncDispose]: dispose };
}

/** As if the schedule had been followed for a day. */
function missRuns({ wharf }: SyncWorld): void {
  using journal = new DatabaseSync(path.join(wharf.dataFolder, 'journal-v1', 'journal.db'));
  journal.prepare('UPDATE followed_jobs SET since = since - 86400000').run();
}

const hasEnded = (world: ScheduleWorld, outcome: string) => async () => world.runs()[0]?.outcome === outcome;

describe.skipIf(missing !== undefined)(`jobs of a server${skipNote(missing)}`, () => {
  test('a job runs when its schedule says so, and all of it is known without the server', async () => {
    await using scheduled = await openWorld({ schedule: '* * * * *' });
    const server = await scheduled.serve();
    await until(hasEnded(scheduled, 'done'));
    expect(await scheduled.world.missing()).toEqual([]);
    expect(await scheduled.metrics()).toContain('wharf_job_runs_total{job="library",outcome="done"} 1\n');
    server.kill('SIGTERM');
    expect((await server.exited).code).toBe(143);
    const next = { at: expect.stringMatching(/:00.000Z$/) };
    expect(await scheduled.jobs()).toMatchObject({ jobs: [{ schedule: '* * * * *', running: false, next }] });
    const { runs } = (await scheduled.jobs('library')) as { runs: RunStatus[] };
    expect(runs.at(-1)).toMatchObject({ reason: 'schedule', outcome: 'done', exitCode: 0, tags: { failed: 0 } });
    await until(async () => scheduled.told.length > 0);
    expect(scheduled.told[0]).toMatchObject({ event: 'finished', job: 'library', reason: 'schedule' });
  });

  test('of a job that is killed, and then its server, the next server makes up for all that was missed', async () => {
    await using scheduled = await openWorld({ schedule: '0 */6 * * *', latencyMs: SLOW_MS });
    const { world } = scheduled;
    const first = await scheduled.serve();
    await until(async () => (await scheduled.status()).next !== null);
    first.kill('SIGKILL');
    await first.exited;
    missRuns(world);

    const second = await scheduled.serve();
    await until(async () => (await world.hub.counters()).cdnGets > 20);
    expect(scheduled.runs()[0]).toMatchObject({ reason: 'catch-up', outcome: 'running' });
    process.kill(childOf(world), 'SIGKILL');
    await until(async () => scheduled.runs().some(({ outcome }) => outcome === 'interrupted'));
    second.kill('SIGKILL');
    await second.exited;

    const third = await scheduled.serve();
    await until(hasEnded(scheduled, 'done'));
    expect(await world.wrong()).toEqual([]);
    expect(scheduled.runs().filter(({ outcome }) => outcome === 'done')).toHaveLength(1);
    third.kill('SIGTERM');
    await third.exited;
  });

  test('a job does not outlive its server, however that ends', async () => {
    await using scheduled = await openWorld({ latencyMs: SLOW_MS });
    const server = await scheduled.serve();
    await scheduled.jobs('run', 'library');
    await until(async () => (await scheduled.world.hub.counters()).cdnGets > 20);
    const child = childOf(scheduled.world);
    server.kill('SIGKILL');
    await server.exited;
    await until(async () => !isAlive(child));
    expect(scheduled.runs()[0]).toMatchObject({ reason: 'by hand', outcome: 'interrupted' });
    expect(await scheduled.world.target.broken()).toEqual([]);
  });

  test('a server that is stopped stops its job, and the next one goes on with it', async () => {
    await using scheduled = await openWorld({ latencyMs: SLOW_MS });
    const server = await scheduled.serve();
    await scheduled.jobs('run', 'library');
    await until(async () => (await scheduled.world.hub.counters()).cdnGets > 20);
    server.kill('SIGTERM');
    expect((await server.exited).code).toBe(143);
    expect(scheduled.runs()[0]).toMatchObject({ outcome: 'stopped' });
    await scheduled.serve();
    await until(hasEnded(scheduled, 'done'));
    expect(await scheduled.world.wrong()).toEqual([]);
  });

  test('a run that the pull budget stops is deferred, and goes on when the window opens', async () => {
    await using scheduled = await openWorld({ limit: 40, windowSeconds: 15 });
    await scheduled.serve();
    await scheduled.jobs('run', 'library');
    await until(hasEnded(scheduled, 'deferred'));
    const { next, last } = await scheduled.status();
    expect(next?.reason).toBe('window');
    expect(Date.parse(next?.at ?? '')).toBeGreaterThan(Date.parse(last?.endedAt ?? ''));
    await until(hasEnded(scheduled, 'done'));
    // It is written down first, and told of then.
    await until(async () => scheduled.told.some(({ event, reason }) => event === 'finished' && reason === 'window'));
    expect(await scheduled.world.wrong()).toEqual([]);
  });

  test('a job is run, cancelled, paused and resumed by its name, and what cannot be is said', async () => {
    await using scheduled = await openWorld({ schedule: '* * * * *', latencyMs: SLOW_MS });
    await expect(scheduled.jobs('run', 'library')).rejects.toThrow(
      /no wharf serve answers at http:\/\/127\.0\.0\.1:\d+ /,
    );
    const server = await scheduled.serve();
    await scheduled.jobs('pause', 'library');
    expect(await scheduled.status()).toMatchObject({ paused: true, next: null });
    await expect(scheduled.jobs('run', 'other')).rejects.toThrow('there is no job "other"; there are library');
    await expect(scheduled.jobs('cancel', 'library')).rejects.toThrow('job "library" does not run');
    await scheduled.jobs('run', 'library');
    await until(async () => (await scheduled.world.hub.counters()).apiCalls > 0);
    // It waits for its upstream's answers, and so is there however long the commands take.
    process.kill(scheduled.world.hub.pid, 'SIGSTOP');
    await expect(scheduled.jobs('run', 'library')).rejects.toThrow('job "library" is running already');
    await scheduled.jobs('cancel', 'library');
    process.kill(scheduled.world.hub.pid, 'SIGCONT');
    await until(hasEnded(scheduled, 'cancelled'));
    server.kill('SIGTERM');
    await server.exited;
    await scheduled.serve();
    expect(await scheduled.status()).toMatchObject({ paused: true, running: false });
    await scheduled.jobs('resume', 'library');
    expect((await scheduled.status()).next?.reason).toBe('schedule');
  });

  test('a run of the command line keeps the server from a second one, is written down, and told of once', async () => {
    await using scheduled = await openWorld({ latencyMs: SLOW_MS });
    await scheduled.serve();
    const byHand = await scheduled.world.wharf.start(['sync', 'library', '--json']);
    await until(async () => (await scheduled.world.hub.counters()).apiCalls > 0);
    process.kill(scheduled.world.hub.pid, 'SIGSTOP');
    await expect(scheduled.jobs('run', 'library')).rejects.toThrow('job "library" is running already');
    await expect(scheduled.jobs('cancel', 'library')).rejects.toThrow('is run by another process; stop it there');
    process.kill(scheduled.world.hub.pid, 'SIGCONT');
    expect((await byHand.exited).code).toBe(0);
    expect(scheduled.runs()).toMatchObject([{ reason: 'by hand', outcome: 'done' }]);
    expect(scheduled.told).toMatchObject([{ event: 'finished', reason: 'by hand' }]);
  });
});

/** The process that the journal says runs the job. */
function childOf({ wharf }: SyncWorld): number {
  using journal = new DatabaseSync(path.join(wharf.dataFolder, 'journal-v1', 'journal.db'));
  return Number(journal.prepare('SELECT pid FROM running_jobs').get()?.['pid']);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // There is none.
    return false;
  }
}
