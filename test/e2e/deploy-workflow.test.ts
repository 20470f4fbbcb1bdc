// The workflow to copy, step by step in a local shell: with our action, our program, and secrets as GitHub has them.
import { cpSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SyncReport } from '../../src/sync/report.ts';
import { ScratchRepository } from '../support/library/scratch-repository.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { type HubProcessOptions, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit, RunningProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { until } from '../support/programs/until.ts';
import { type Action, type Workflow, readYaml, scriptsOf, startScript } from '../support/workflow/workflow.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const WORKFLOW = readYaml(path.join(ROOT, 'deploy/github/sync-library.yml')) as Workflow;
const ACTION = readYaml(path.join(ROOT, 'action.yml')) as Action;
/** The password of `ada` in the registry's file. */
const PASSWORD = 'canary-of-ada-4711';
const HTPASSWD = 'ada:$2y$05$abcdefghijklmnopqrstuuz2kFMOCNdCePQbpPPQ.Dxw9njGVdRke';

test('it fires once in six hours, on a push and by hand, and one run at a time', () => {
  const [{ cron } = { cron: '' }] = WORKFLOW.on['schedule'] as { cron: string }[];
  expect(cron).toMatch(/^[1-5]?\d \*\/6 \* \* \*$/);
  expect(Number(cron.split(' ')[0]) % 2).toBe(1);
  expect(Object.keys(WORKFLOW.on).toSorted()).toEqual(['push', 'schedule', 'workflow_dispatch']);
  const { inputs } = WORKFLOW.on['workflow_dispatch'] as { inputs: Record<string, { type: string }> };
  expect(inputs).toMatchObject({ full: { type: 'boolean' }, images: { type: 'string' } });
  expect(WORKFLOW.concurrency).toEqual({ group: 'sync-library', 'cancel-in-progress': false });
});

test('it may read the repository, and write to none', () => {
  expect(WORKFLOW.permissions).toEqual({ contents: 'read' });
  expect(Object.values(WORKFLOW.jobs).map((job) => job.permissions)).toEqual([undefined]);
});

test('no script holds an expression, so that no input becomes a part of a program', () => {
  const steps = [...Object.values(WORKFLOW.jobs).flatMap((job) => job.steps), ...ACTION.runs.steps];
  const scripts = steps.flatMap(({ run }) => run ?? []);
  expect(scripts.length).toBeGreaterThan(0);
  for (const script of scripts) expect(script).not.toContain('${{');
});

const missing = missingPrograms('docker-registry', 'git', 'bash');

describe.skipIf(missing !== undefined)(`the workflow's steps in a local shell${skipNote(missing)}`, () => {
  test('sync the library, twice, each time on a machine that keeps nothing', async () => {
    await using world = await openWorkflowWorld();
    const first = await world.run();
    expect(first).toMatchObject({ code: 0, report: { jobs: [{ tags: { failed: 0, upToDate: 0 } }] } });
    const second = await world.run();
    const [job] = second.report?.jobs ?? [];
    expect(job?.tags).toMatchObject({ copied: 0, upToDate: job?.tags.wanted });
    expect(second.summary).toContain('All that was wanted is there');
    expect(await world.target.tags('wharf/state')).toEqual(['library']);
  });

  test('tell no password: not to the process list, the log, the summary, the report or a file', async () => {
    await using world = await openWorkflowWorld();
    const { code, commandLines, output, summary, report, files } = await world.run({ images: 'nginx' });
    expect(code).toBe(0);
    expect(commandLines.some((line) => line.includes('wharf\0sync'))).toBe(true);
    const told = [...commandLines, output, summary, JSON.stringify(report), ...files];
    for (const secret of [PASSWORD, Buffer.from(`ada:${PASSWORD}`).toString('base64')]) {
      expect(told.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  test('take what a person types for the name of an image, and for nothing else', async () => {
    await using world = await openWorkflowWorld();
    const { code, output, files } = await world.run({
      images: 'nginx"; touch pwned; echo "$(touch pwned)`touch pwned`',
    });
    expect(code).not.toBe(0);
    expect(output).toMatch(/^::error title=/m);
    expect(files.filter((file) => file.endsWith('pwned'))).toEqual([]);
  });

  test('say on the page of the run what there is to know', async () => {
    await using world = await openWorkflowWorld();
    const { code, output, summary } = await world.run({ images: 'nginx:no-such-tag,nginx:latest' });
    expect(code).toBe(0);
    expect(output).not.toContain('::error');
    expect(summary).toContain('| tags |');
    const refused = await world.run({}, { REGISTRY_PASSWORD: 'wrong' });
    expect(refused.code).toBe(2);
    expect(refused.output).toMatch(/^::error title=wharf::cannot push to the target: /m);
  });

  test("use the runner's own login, and say that it is not metered", async () => {
    await using world = await openWorkflowWorld({ limit: 1, account: 'runner:hosted' });
    const { code, report, summary } = await world.run({}, {}, 'runner:hosted');
    expect(code).toBe(0);
    expect(report?.jobs).toMatchObject([{ tags: { deferred: 0, failed: 0 }, notMetered: ['docker.io'] }]);
    expect(summary).toContain('| docker.io | not metered |');
  });

  test('end well when the pull budget is spent, and go on the next time', async () => {
    await using world = await openWorkflowWorld({ limit: 10 });
    const { code, report, output, summary } = await world.run();
    expect(code).toBe(0);
    expect(report?.jobs[0]?.tags.deferred).toBeGreaterThan(0);
    expect(output).toMatch(/^::warning title=library::\d+ tags? deferred/m);
    expect(summary).toContain('waits for pulls');
    expect(await world.target.tags('wharf/state')).toEqual(['library']);
  });
});

interface WorkflowRun {
  readonly code: number;
  readonly output: string;
  readonly report: SyncReport | undefined;
  readonly summary: string;
  /** Of all processes that were seen while it ran. */
  readonly commandLines: readonly string[];
  /** Names and contents of what it left in the workspace. */
  readonly files: readonly string[];
}

async function openWorkflowWorld(options: Partial<HubProcessOptions> = {}) {
  await using opened = new AsyncDisposableStack();
  const library = opened.use(await scratchFolder('library'));
  const repository = new ScratchRepository(library.path);
  cpSync(SMALL_LIBRARY, library.path, { recursive: true });
  repository.commit({});
  const hub = opened.use(await startHubProcess({ library: library.path, ...options }));
  const registry = opened.use(await startDockerRegistry({ htpasswd: HTPASSWD }));
  const secrets = { REGISTRY_DOMAIN: registry.url, REGISTRY_USER: 'ada', REGISTRY_PASSWORD: PASSWORD };
  const running = opened.move();

  /** On a fresh machine. `ownLogin`: what its docker configuration has for the hub. */
  const run = async (
    inputs: Readonly<Record<string, string>> = {},
    others: Partial<typeof secrets> = {},
    ownLogin?: string,
  ): Promise<WorkflowRun> => {
    await using machine = await scratchFolder('runner');
    const at = (...parts: string[]) => path.join(machine.path, ...parts);
    await mkdir(at('home/.docker'), { recursive: true });
    await mkdir(at('workspace'));
    await mkdir(at('tools'));
    // The library is asked for where it lives, and found here.
    const origin = 'https://github.com/docker-library/official-images.git';
    await writeFile(at('home/.gitconfig'), `[url "file://${library.path}"]\n  insteadOf = ${origin}\n`);
    const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl, realms: [hub.tokenUrl] } };
    await writeFile(at('workspace/wharf.yaml'), JSON.stringify({ upstreams }));
    if (ownLogin !== undefined) {
      const auth = Buffer.from(ownLogin).toString('base64');
      const config = { auths: { [new URL(hub.registryUrl).host]: { auth } } };
      await writeFile(at('home/.docker/config.json'), JSON.stringify(config));
    }
    const checkout = at('workspace/wharf');
    await mkdir(checkout);
    for (const part of ['bin', 'src', 'package.json']) symlinkSync(path.join(ROOT, part), path.join(checkout, part));
    // What npm would fetch is here already, and a test fetches nothing.
    await writeFile(at('tools/npm'), '#!/bin/sh\n[ "$1 $2" = "ci --prefix" ] && [ -f "$3/package.json" ]\n', {
      mode: 0o755,
    });

    const env = {
      PATH: [at('tools'), path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter),
      HOME: at('home'),
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: at('output'),
      GITHUB_STEP_SUMMARY: at('summary'),
    };
    const github = { action_path: checkout, repository: 'owner/mirror' };
    const contexts = { github, secrets: { ...secrets, ...others }, inputs, vars: {} };
    const commandLines: string[] = [];
    let exit: Exit = { code: 0, stdout: '', stderr: '' };
    let output = '';
    for (const script of scriptsOf(WORKFLOW, ACTION, contexts)) {
      await using program = await startScript(script, { workspace: at('workspace'), env });
      commandLines.push(...(await commandLinesUntilEnd(program)));
      exit = await program.exited;
      output += exit.stdout + exit.stderr;
      if (exit.code !== 0) break;
    }
    const report = await readFile(at('workspace/wharf-report.json'), 'utf8').catch(() => '');
    const isLeft = (file: string) => !file.startsWith('wharf/') && !file.includes('wharf-data/git');
    const files = readdirSync(at('workspace'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(at('workspace'), path.join(entry.parentPath, entry.name)))
      .filter(isLeft);
    return {
      code: exit.code,
      output,
      report: report === '' ? undefined : (JSON.parse(report) as SyncReport),
      summary: await readFile(at('summary'), 'utf8').catch(() => ''),
      commandLines,
      files: [...files, ...files.map((file) => readFileSync(at('workspace', file), 'latin1'))],
    };
  };
  return {
    target: new RegistryProbe(registry.url, `ada:${PASSWORD}`),
    run,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** What anybody on the machine can read of its processes, again and again. */
async function commandLinesUntilEnd(program: RunningProgram): Promise<string[]> {
  const seen = new Set<string>();
  let hasEnded = false;
  void program.exited.then(() => (hasEnded = true));
  await until(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // It has ended meanwhile.
      }
    }
    return Promise.resolve(hasEnded);
  });
  return [...seen];
}
