// What people copy to run Wharf by itself, checked by the programs that will read it.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config/parse-config.ts';
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { freePort } from '../support/programs/free-port.ts';
import { makeLocalBase } from '../support/programs/local-base-image.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { runProgram } from '../support/programs/program.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { until } from '../support/programs/until.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const DEPLOY = path.join(ROOT, 'deploy');
const read = (file: string) => readFileSync(path.join(DEPLOY, file), 'utf8');

const noSystemd = missingPrograms('systemd-analyze');

describe.skipIf(noSystemd !== undefined)(`systemd units${skipNote(noSystemd)}`, () => {
  test('are valid, and shut in', async () => {
    await using folder = await scratchFolder('units');
    for (const file of readdirSync(path.join(DEPLOY, 'systemd'))) {
      // Wharf need not be installed where the units are looked at.
      const text = read(`systemd/${file}`).replaceAll('/opt/wharf/bin/wharf', '/bin/true');
      await writeFile(path.join(folder.path, file), text);
    }
    const analyze = (...args: string[]) => runProgram('systemd-analyze', args, { cwd: folder.path });
    const units = ['./wharf.service', './wharf-sync@library.service', './wharf-sync@library.timer'];
    for (const unit of ['wharf-sync@library.service', 'wharf-sync@library.timer']) {
      cpSync(path.join(folder.path, unit.replace('library', '')), path.join(folder.path, unit));
    }
    expect(await analyze('verify', '--man=no', ...units)).toMatchObject({ code: 0, stderr: '' });
    const shutIn = ['security', '--offline=true', '--threshold=25', './wharf.service', './wharf-sync@library.service'];
    expect((await analyze(...shutIn)).code).toBe(0);
    const { stdout } = await analyze('calendar', '--iterations=2', '*-*-* 00/6:17:00');
    expect(stdout).toContain(':17:00');
  });
});

test('the settings that are shipped are valid, and refuse nothing that they start with', () => {
  const configMap = parse(read('kubernetes/config.yaml')) as { data: Record<string, string> };
  const texts = [read('wharf.yaml'), read('wharf.nginx.yaml'), configMap.data['wharf.yaml'] ?? ''];
  for (const text of texts) {
    const resolvePath = (file: string) => path.resolve('/etc/wharf', file);
    const config = parseConfig(text, { file: 'wharf.yaml', env: {}, resolvePath, readSecret: () => '' });
    expect(config.dataFolder).toBe('/var/lib/wharf/data');
    // In a container it listens for other machines, which somebody has to have said yes to.
    expect(config.anonymous).toBe('pull');
  }
});

const noCompose = missingPrograms('docker-compose');

describe.skipIf(noCompose !== undefined)(`compose files${skipNote(noCompose)}`, () => {
  test.each(['compose.yaml', 'compose.nginx.yaml'])('docker-compose accepts %s', async (file) => {
    const { code, stdout, stderr } = await runProgram('docker-compose', ['-f', path.join(DEPLOY, file), 'config']);
    expect([code, stderr]).toEqual([0, '']);
    const { services } = parse(stdout) as { services: Record<string, Record<string, unknown>> };
    expect(services['wharf']).toMatchObject({ restart: 'always', read_only: true, cap_drop: ['ALL'] });
  });
});

test('the compose file listens on port 5000 and keeps everything in one volume', () => {
  const { services, volumes } = parse(read('compose.yaml')) as {
    services: { wharf: { ports: string[]; volumes: string[] } };
    volumes: object;
  };
  expect(services.wharf.ports).toEqual(['5000:5000']);
  expect(Object.keys(volumes)).toEqual(['data']);
  expect(services.wharf.volumes).toEqual(['data:/var/lib/wharf', './wharf.yaml:/etc/wharf/wharf.yaml:ro']);
});

const noNginx = missingPrograms('nginx', 'openssl');

test.skipIf(noNginx !== undefined)(`nginx accepts its configuration${skipNote(noNginx)}`, async () => {
  await using folder = await scratchFolder('nginx');
  await mkdir(path.join(folder.path, 'certificates'));
  const [key, certificate] = ['mirror.key', 'mirror.pem'].map((file) => path.join(folder.path, 'certificates', file));
  const subject = ['-subj', '/CN=mirror.example', '-keyout', key ?? '', '-out', certificate ?? ''];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...subject]);
  expect(made.status).toBe(0);
  // The name of the other container is only known among containers.
  const text = read('nginx.conf').replace('server wharf:5000', 'server 127.0.0.1:5000');
  await writeFile(path.join(folder.path, 'nginx.conf'), `pid ${folder.path}/pid;\nerror_log stderr;\n${text}`);
  const { code, stderr } = await runProgram('nginx', ['-t', '-p', folder.path, '-c', 'nginx.conf']);
  expect([code, stderr]).toEqual([0, expect.stringContaining('test is successful')]);
});

describe('Kubernetes manifests', () => {
  const files = readdirSync(path.join(DEPLOY, 'kubernetes')).filter((file) => file !== 'kustomization.yaml');
  const objects = files.flatMap((file) => parseAllDocuments(read(`kubernetes/${file}`)).map((each) => each.toJS())) as {
    apiVersion: string;
    kind: string;
    metadata: { name: string };
    spec?: Record<string, unknown>;
  }[];
  const podOf = (kind: string) => {
    const { spec = {} } = objects.find((each) => each.kind === kind) ?? {};
    const { template } = (kind === 'CronJob' ? (spec['jobTemplate'] as { spec: object }).spec : spec) as {
      template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } };
    };
    return template.spec;
  };

  test('are of the kinds and versions that there are', () => {
    const kinds = objects.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`).toSorted();
    const parts = ['v1 ConfigMap', 'v1 Namespace', 'v1 PersistentVolumeClaim', 'v1 Secret', 'v1 Service'];
    expect(kinds).toEqual(['apps/v1 Deployment', 'batch/v1 CronJob', ...parts]);
  });

  test('run one process on the volume, never two', () => {
    const { spec } = objects.find(({ kind }) => kind === 'Deployment') ?? {};
    expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  });

  test('run the job one at a time, at an odd minute, with its state at the target', () => {
    const { spec } = objects.find(({ kind }) => kind === 'CronJob') ?? {};
    expect(spec).toMatchObject({ schedule: '17 */6 * * *', concurrencyPolicy: 'Forbid' });
    expect(podOf('CronJob').containers).toMatchObject([{ args: ['sync', '--deferred-ok', 'library'] }]);
    expect(read('kubernetes/config.yaml')).toContain('state: target');
  });

  test.each(['Deployment', 'CronJob'])('the pods of the %s may do nothing that they need not', (kind) => {
    const pod = podOf(kind);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const container of pod.containers) {
      expect(container['securityContext']).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  const noKubectl = missingKubectl();
  test.skipIf(noKubectl !== undefined)(`kubectl puts them together${skipNote(noKubectl)}`, async () => {
    const { code, stdout, stderr } = await runProgram('kubectl', ['kustomize', path.join(DEPLOY, 'kubernetes')]);
    expect([code, stderr]).toEqual([0, '']);
    const built = parseAllDocuments(stdout).map((each) => each.toJS() as { metadata: { namespace?: string } });
    expect(built).toHaveLength(objects.length - 1);
  });
});

const noDocker = missingPrograms('dockerd', 'docker', 'runc') ?? whyNoDockerd();

describe.skipIf(noDocker !== undefined)(`the Dockerfile${skipNote(noDocker)}`, () => {
  test('makes an image that serves without root on a read-only disk, and says that it is well', async ({ skip }) => {
    await using folder = await scratchFolder('image');
    await using dockerd = await startDockerd();
    const docker = async (...args: string[]) => {
      const { code, stdout, stderr } = await dockerd.docker(...args);
      if (code !== 0) throw new Error(`docker ${args[0]}: ${stderr}${stdout}`);
      return stdout.trim();
    };
    await docker('import', makeLocalBase(folder.path), 'base:local');
    const tried = await dockerd.docker('run', '--rm', '--network', 'none', 'base:local', '/usr/local/bin/node', '-v');
    skip(tried.code !== 0, `no container can run here: ${tried.stderr}`);
    const flags = ['--network', 'none', '--build-arg', 'BASE=base:local', '--tag', 'wharf'];
    await docker('build', ...flags, '--file', path.join(DEPLOY, 'Dockerfile'), ROOT);
    const { Config: config } = JSON.parse(await docker('inspect', '--format', '{{json .}}', 'wharf')) as {
      Config: Record<string, unknown>;
    };
    expect(config).toMatchObject({ User: '1000:1000', Volumes: { '/var/lib/wharf': {} } });
    expect(await docker('run', '--rm', '--network', 'none', '--read-only', 'wharf', '--version')).toMatch(/^\d+\.\d+/);

    const [port, admin] = [await freePort(), await freePort()];
    const locked = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--tmpfs', '/tmp'];
    const command = ['serve', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${admin}`, '--hosted', '**'];
    const id = await docker('run', '--detach', '--network', 'host', ...locked, 'wharf', ...command);
    try {
      await until(async () => (await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => undefined))?.ok === true);
      expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
      const upload = await fetch(`http://127.0.0.1:${port}/v2/team/app/blobs/uploads/`, { method: 'POST' });
      expect(upload.status).toBe(202);
      const test = (config as { Healthcheck: { Test: string[] } }).Healthcheck.Test.slice(1);
      const there = test.map((part) => part.replace('5001', `${admin}`));
      await docker('exec', id, ...there);
      await docker('stop', '--time', '40', id);
      expect(await docker('inspect', '--format', '{{.State.ExitCode}}', id)).toBe('143');
    } finally {
      await dockerd.docker('rm', '--force', '--volumes', id);
    }
  });
});

/** It has no `--version`. */
function missingKubectl(): string | undefined {
  const { error } = spawnSync('kubectl', ['version', '--client']);
  return error === undefined ? undefined : 'kubectl is not installed';
}
