// Every secret that Wharf is given is another canary; then it works and fails in all its ways, and whatever comes out of
// it is searched for them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit } from '../support/programs/program.ts';
import { ECHOING_UPSTREAMS, type SecretsWorld, askByTls, openSecretsWorld } from '../support/programs/secrets-world.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('git', 'openssl');

/** What was written where; each command with its name. */
type Outputs = [where: string, text: string][];

function expectNothingTold({ canaries, wharf, isMeant }: SecretsWorld, outputs: Outputs): void {
  const files = canaries.foundBelow(wharf.folder, isMeant);
  const told = [...outputs, ...[...canaries.commandLines].map((line): [string, string] => ['arguments', line])];
  expect([...files, ...told.flatMap(([where, text]) => canaries.foundIn(`${where}: ${text}`, text))]).toEqual([]);
}

async function run(world: SecretsWorld, outputs: Outputs, args: readonly string[], env = {}): Promise<Exit> {
  const exit = await world.wharf.run(args, { ...world.environment, ...env });
  outputs.push([`wharf ${args.join(' ')}`, exit.stdout + exit.stderr]);
  return exit;
}

describe.skipIf(missing !== undefined)(`no secret comes out${skipNote(missing)}`, () => {
  test('of commands, that succeed and that fail', async () => {
    await using world = await openSecretsWorld();
    const { canaries, echoes, wharf } = world;
    const outputs: Outputs = [];
    const command = (...args: readonly string[]) => run(world, outputs, args);
    expect(await command('config', 'check')).toMatchObject({ code: 0 });
    expect(await command('plan', 'library', '--json')).toMatchObject({ code: 0 });
    const summary = path.join(wharf.folder, 'summary.md');
    const actions = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
    expect(await run(world, outputs, ['sync', 'library', '--json'], actions)).toMatchObject({ code: 0 });
    for (const job of ['refused', ...ECHOING_UPSTREAMS]) {
      expect((await run(world, outputs, ['sync', job], actions)).code).not.toBe(0);
      expect((await command('sync', job, '--json')).code).not.toBe(0);
    }
    expect(readFileSync(summary, 'utf8')).toContain('Failures');
    const elsewhere = { REGISTRY_DOMAIN: echoes.target.host, REGISTRY_USER: 'runner' };
    expect((await run(world, outputs, ['sync', '--images', 'nginx:1.29'], elsewhere)).code).not.toBe(0);
    for (const name of ECHOING_UPSTREAMS) {
      await command('inspect', `${name}.test/team/app:1`, '--json');
      expect((await command('list', `${name}.test/team/app`)).stderr).toMatch(/\(hidden\)|proxy/);
      await command('copy', `${name}.test/team/app:1`, 'store');
    }
    for (const args of [
      ['limits', '--json'],
      ['catalog', '--catalog', 'images:nginx:1.29'],
      ['verify', '--json', '--images', 'nginx:1.29'],
      ['probe', '--json'],
      ['jobs', '--json'],
      ['client-config', 'docker'],
      ['user', 'list', '--json'],
    ]) {
      await command(...args);
    }

    expectNothingTold(world, outputs);
    // Each server was in a position to tell; jobs that end are told by a server alone.
    const { hook: _, ...used } = echoes;
    for (const [name, { authorizations }] of Object.entries(used))
      expect([name, authorizations.size]).not.toEqual([name, 0]);
    expect([...canaries.commandLines].join('\n')).toMatch(/git-remote-http|git remote-http/);
  });

  test('of a configuration that is wrong right beside them', async () => {
    await using world = await openSecretsWorld();
    const { canaries, wharf, settings } = world;
    const secret = canaries.plant('misplaced');
    const outputs: Outputs = [];
    const upstream = (value: unknown) => ({ ...settings, upstreams: { 'a.test': value } });
    for (const wrong of [
      upstream({ credentials: { username: 'a', password: [secret] } }),
      upstream({ credentials: { username: 'a', pasword: secret } }),
      upstream({ url: `https://a:${encodeURIComponent(secret)}@a.test` }),
      upstream({ proxy: `ftp://a:${encodeURIComponent(secret)}@a.test` }),
      { ...settings, notify: [{ url: `gopher://a.test/${encodeURIComponent(secret)}`, secret }] },
      { ...settings, notify: [{ url: 'https://a.test', secret: { is: secret } }] },
    ]) {
      await wharf.configure(JSON.stringify(wrong));
      expect(await run(world, outputs, ['config', 'check'])).toMatchObject({ code: 2 });
      expect(await run(world, outputs, ['serve'])).toMatchObject({ code: 2 });
    }
    await run(world, outputs, ['limits'], { HTTPS_PROXY: `ftp://a:${encodeURIComponent(secret)}@a.test` });
    expectNothingTold(world, outputs);
  });

  test('of a server, whatever it is asked', async () => {
    await using world = await openSecretsWorld();
    const { canaries, wharf, password, environment, settings } = world;
    const outputs: Outputs = [];
    const command = async (...args: readonly string[]) => {
      const exit = await wharf.run(args, environment);
      if (exit.code !== 0) throw new Error(exit.stderr);
      return exit.stdout.trim();
    };
    await command('user', 'add', 'ci', '--robot');
    const robot = canaries.add('robot-token', await command('user', 'token', 'create', 'ci'));
    const log = path.join(wharf.folder, 'log');
    await using server = await wharf.start(['serve', '--log-level', 'debug'], environment, log);
    const url = (await server.firstLine).replace('listening on ', '');
    const logged = () => readFileSync(log, 'utf8');
    const asked = async (at: string, more: Parameters<typeof askByTls>[1] = {}) => {
      const answer = await askByTls(`${url}${at}`, more);
      outputs.push([`${more.method ?? 'GET'} ${at}`, answer.all]);
      return answer.status;
    };
    const basic = (name: string, secret: string) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;

    // The only answers that are to hold secrets.
    const query = `offline_token=true&service=wharf&scope=repository:bearer.test/team/app:pull`;
    const given = await askByTls(`${url}/token?${query}`, { as: basic('ann', password) });
    const tokens = JSON.parse(given.body) as { token: string; refresh_token: string };
    canaries.add('access-token', tokens.token);
    canaries.add('refresh-token', tokens.refresh_token);

    const wrong = canaries.plant('wrong-password');
    for (const as of [
      basic('ann', password),
      basic('ci', robot),
      basic('ann', wrong),
      basic(wrong, wrong),
      `Bearer ${tokens.token}`,
      `Bearer ${tokens.token}x`,
    ]) {
      await asked('/v2/', { as });
      await asked('/v2/library/nginx/manifests/1.29', { as });
      await asked(`/token?service=wharf&scope=repository:team/app:push`, { as });
      await asked('/v2/team/app/manifests/1', { as, method: 'PUT', body: '{}' });
      for (const name of ECHOING_UPSTREAMS) await asked(`/v2/${name}.test/team/app/manifests/1`, { as });
    }
    for (const secret of [tokens.refresh_token, wrong]) {
      const body = new URLSearchParams({ grant_type: 'refresh_token', service: 'wharf', refresh_token: secret });
      const answer = await askByTls(`${url}/token`, { method: 'POST', body: body.toString() });
      if (answer.status !== 200) outputs.push(['POST /token', answer.all]);
    }
    await asked(`/v2/?secret=${encodeURIComponent(wrong)}`);

    const admin = /"address":"(http:[^"]+)"/;
    await until(async () => admin.test(logged()));
    const [, adminUrl = ''] = admin.exec(logged()) ?? [];
    const administer = async (method: string, at: string) => {
      const answer = await fetch(`${adminUrl}${at}`, { method });
      const body = await answer.text();
      outputs.push([`admin ${method} ${at}`, body]);
      return body;
    };
    for (const job of ['library', 'refused']) {
      await administer('POST', `/v1/jobs/${job}/run`);
      await until(async () => !(await administer('GET', `/v1/jobs/${job}`)).includes('"running":true'));
    }
    await administer('POST', '/v1/refresh?reference=bearer.test/team/app:1');
    for (const at of ['/metrics', '/readyz', '/v1/upstreams', '/v1/jobs']) await administer('GET', at);
    await wharf.configure(JSON.stringify({ ...settings, notify: [{ url: 'https://a.test', secret: [wrong] }] }));
    server.kill('SIGHUP');
    await until(async () => logged().includes('configuration refused'));
    await wharf.configure(JSON.stringify(settings));
    server.kill('SIGHUP');
    await until(async () => logged().includes('configuration reloaded'));
    await until(async () => logged().includes('notification failed'));
    canaries.look();
    server.kill('SIGTERM');
    const { stdout } = await server.exited;
    outputs.push(['serve', stdout]);
    for (const message of ['login failed', 'job ended', 'request', 'admin request']) {
      expect(logged()).toContain(`"msg":"${message}"`);
    }
    expectNothingTold(world, outputs);
  });
});
