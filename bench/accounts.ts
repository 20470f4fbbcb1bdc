// What accounts cost: warm manifests with and without them, few rules and many, and a login.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MEDIA_TYPES } from '../src/oci/media-type.ts';
import { htpasswdOf, loginOf } from '../test/support/hosted/account-world.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { usageOf } from './process-usage.ts';
import { formatTable } from './table.ts';
import { requestsPerSecond } from './wrk.ts';

const MANY = 1000;
const REPOSITORY = 'team-500/app';
/** Short, and many: what else the machine does meanwhile comes and goes. */
const SECONDS = 1;
const LOGINS = 300;

interface Server extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** What each request brings along. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Figures {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

export const accountsBenchmark: Benchmark = {
  name: 'accounts',
  usage: 'accounts [--runs N]',
  question: `What do accounts and policy cost on warm manifests, and what does a login cost beyond its password hash? Needs wrk.
  --runs N   the best of so many rounds, 15 by default`,

  async run(args, report) {
    const rounds = Number(args[args.indexOf('--runs') + 1] ?? 15) || 15;
    await using opened = new AsyncDisposableStack();
    const [none, one, many] = [
      opened.use(await startWharf('no accounts', undefined)),
      opened.use(await startWharf('1 account, 1 rule', 1)),
      opened.use(await startWharf(`${MANY} accounts, ${MANY} rules`, MANY)),
    ] as const;
    const basic = { ...many, name: `${MANY} accounts, password each time`, headers: basicOf('user-500') };
    const servers: readonly Server[] = [none, one, many, basic];
    const best = new Map<string, Figures>();
    for (const server of servers) await measure(server, 2);
    for (let round = 1; round <= rounds; round += 1) {
      for (const server of servers) {
        report(`round ${round}: ${server.name}`);
        const [figures, before] = [await measure(server, SECONDS), best.get(server.name)];
        best.set(server.name, {
          perSecond: Math.max(figures.perSecond, before?.perSecond ?? 0),
          cpuMicroseconds: Math.min(figures.cpuMicroseconds, before?.cpuMicroseconds ?? Infinity),
        });
      }
    }
    report('logins');
    const login = await measureLogins(many);
    const base = best.get(none.name)!;
    const rows = servers.map(({ name }) => {
      const { perSecond, cpuMicroseconds } = best.get(name)!;
      const ratio = (perSecond / base.perSecond).toFixed(2);
      return [name, perSecond.toFixed(0), ratio, cpuMicroseconds.toFixed(1)];
    });
    const few = best.get(one.name)!.perSecond;
    return `A manifest of 2 KiB by tag, asked for by wrk over 16 connections for ${SECONDS} s with a token, in
turns, the best of ${rounds} rounds each. A login is what docker does: the ping, a token, the ping with it; here with a robot's
token, which has no password hash to compute, one after the other.

${formatTable(['', 'requests/s', 'to none', 'CPU µs a request'], rows)}

- ${MANY} accounts and rules to one of each: ${(best.get(many.name)!.perSecond / few).toFixed(2)} of the requests/s
- a login beyond its password hash, of ${LOGINS}: median ${login.median.toFixed(1)} ms, 95 % within ${login.most.toFixed(1)} ms; server CPU ${login.cpuMs.toFixed(1)} ms`;
  },
};

function basicOf(name: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(loginOf(name)).toString('base64')}` };
}

async function startWharf(name: string, count: number | undefined): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const wharf = opened.use(await openWharf());
  const numbers = count === 1 ? [500] : Array.from({ length: count ?? 0 }, (_, index) => index);
  const htpasswd = path.join(wharf.folder, 'htpasswd');
  // Only one of them logs in: the hashes of the others may be the same.
  const [line = ''] = htpasswdOf('user-500').split('\n');
  await writeFile(htpasswd, numbers.map((n) => `${line.replace('user-500', `user-${n}`)}\n`).join(''));
  const policy = numbers.map((n) => ({
    repositories: [`team-${n}/**`],
    accounts: [`user-${n}`],
    allow: ['pull', 'push'],
  }));
  const accounts = count === undefined ? {} : { accounts: { htpasswd, policy, tokenLifetime: '1h' } };
  await wharf.configure(JSON.stringify({ upstreams: {}, hosted: ['**'], data: './data', ...accounts }));
  const log = path.join(wharf.folder, 'serve.log');
  const program = opened.use(await wharf.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off'], {}, log));
  const url = (await program.firstLine).replace('listening on ', '');
  const password = count === undefined ? {} : basicOf('user-500');
  await putManifest(url, password);
  let headers: Record<string, string> = {};
  if (count !== undefined) {
    await wharf.run(['user', 'add', 'robot', '--robot']);
    const { stdout } = await wharf.run(['user', 'token', 'create', 'robot']);
    const token = await tokenOf(url, password);
    headers = { authorization: `Bearer ${token}`, 'x-robot': stdout.trim() };
  }
  const running = opened.move();
  return { name, url, pid: program.pid, headers, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function putManifest(url: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const annotations = { filler: 'x'.repeat(1900) };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [], annotations });
  const answer = await fetch(`${url}/v2/${REPOSITORY}/manifests/latest`, {
    method: 'PUT',
    headers: { 'content-type': MEDIA_TYPES.ociIndex, ...headers },
    body,
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
}

async function tokenOf(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(`${url}/token?service=wharf&scope=repository:${REPOSITORY}:pull`, { headers });
  return ((await answer.json()) as { token: string }).token;
}

async function measure({ url, pid, headers }: Server, seconds: number): Promise<Figures> {
  const before = usageOf(pid).cpuSeconds;
  const { authorization } = headers;
  const sent = authorization === undefined ? {} : { authorization };
  const perSecond = await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/latest`, 16, seconds, sent);
  const cpuSeconds = usageOf(pid).cpuSeconds - before;
  return { perSecond, cpuMicroseconds: (cpuSeconds * 1e6) / (perSecond * seconds) };
}

async function measureLogins({ url, pid, headers }: Server) {
  const robot = { authorization: `Basic ${Buffer.from(`robot:${headers['x-robot']}`).toString('base64')}` };
  const times: number[] = [];
  const before = usageOf(pid).cpuSeconds;
  for (let nth = 0; nth < LOGINS; nth += 1) {
    const startedMs = performance.now();
    await (await fetch(`${url}/v2/`)).arrayBuffer();
    const token = await tokenOf(url, robot);
    await (await fetch(`${url}/v2/`, { headers: { authorization: `Bearer ${token}` } })).arrayBuffer();
    times.push(performance.now() - startedMs);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  const cpuMs = ((usageOf(pid).cpuSeconds - before) * 1000) / LOGINS;
  return { median: at(0.5), most: at(0.95), cpuMs };
}
