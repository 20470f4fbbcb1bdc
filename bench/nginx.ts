// A blob of Wharf through nginx, beside the same file as nginx sends it when there is no Wharf.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { nginxConfiguration } from '../src/client-config/nginx.ts';
import { digestOf } from '../src/oci/digest.ts';
import { type CertificateFiles, certificateAuthority } from '../test/support/programs/certificates.ts';
import { freePort } from '../test/support/programs/free-port.ts';
import { startNginx } from '../test/support/programs/nginx.ts';
import { bulkStorage, scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { until } from '../test/support/programs/until.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { usageOf } from './process-usage.ts';
import { pushBlob } from './pushes.ts';
import { formatTable } from './table.ts';
import { bytesPerSecond } from './wrk.ts';

const BLOB_BYTES = 200 * 1024 * 1024;
const CONNECTIONS = 4;
/** Short ones in turns: whatever else the machine does meanwhile slows all of them alike. */
const SECONDS = 4;
const TURNS_A_ROUND = 3;
const REPOSITORY = 'bench/app';

const WAYS = ['the file, by nginx alone', 'X-Accel-Redirect', 'bytes from Wharf'] as const;
const PROTOCOLS = ['http', 'https'] as const;
type Way = (typeof WAYS)[number];
type Protocol = (typeof PROTOCOLS)[number];

interface Figures {
  readonly bytesPerSecond: number;
  /** Of nginx and Wharf together. */
  readonly cpuSeconds: number;
}

interface Served extends AsyncDisposable {
  readonly pids: readonly number[];
  readonly urlOf: (way: Way, protocol: Protocol) => string;
}

export const nginxBenchmark: Benchmark = {
  name: 'nginx',
  usage: 'nginx [--runs N]',
  question: `How fast are large blobs through nginx, beside nginx alone? Needs nginx, openssl and wrk.
  --runs N   so often, each time three short ones; 3 by default`,

  async run(args, report) {
    const rounds = Number(args[args.indexOf('--runs') + 1] ?? 3) || 3;
    await using served = await serve();
    const figures = new Map<string, Figures[]>();
    for (let turn = 1; turn <= rounds * TURNS_A_ROUND; turn += 1) {
      // Whoever is always first or last would have the better or the worse of what else the machine does.
      const ways = turn % 2 === 1 ? WAYS : WAYS.toReversed();
      for (const protocol of PROTOCOLS) {
        for (const way of ways) {
          report(`measuring, turn ${turn}: ${way}, ${protocol}`);
          const key = `${way} ${protocol}`;
          figures.set(key, [...(figures.get(key) ?? []), await measure(served, served.urlOf(way, protocol))]);
        }
      }
    }
    const rows = WAYS.map((way) => [
      way,
      ...PROTOCOLS.flatMap((protocol) => {
        const own = totalOf(figures.get(`${way} ${protocol}`) ?? []);
        const alone = totalOf(figures.get(`${WAYS[0]} ${protocol}`) ?? []);
        const gib = (own.bytesPerSecond * SECONDS * rounds * TURNS_A_ROUND) / 2 ** 30;
        const ratio = own.bytesPerSecond / alone.bytesPerSecond;
        return [(own.bytesPerSecond / 2 ** 20).toFixed(0), ratio.toFixed(2), (own.cpuSeconds / gib).toFixed(2)];
      }),
    ]);
    const head = ['', ...PROTOCOLS.flatMap((name) => [`${name}, MiB/s`, 'ratio', 'CPU s per GiB'])];
    return `A blob of ${BLOB_BYTES / 2 ** 20} MiB, stored in ${bulkStorage}, over ${CONNECTIONS} connections of wrk for ${SECONDS} s; nginx has one worker and the
configuration of \`wharf client-config nginx\`. Means of ${rounds * TURNS_A_ROUND} times, each time all of these in turns; the ratio is
that to the first line. CPU is that of nginx and Wharf, which share the cores with wrk.

${formatTable(head, rows)}`;
  },
};

async function measure({ pids }: Served, url: string): Promise<Figures> {
  const cpuSeconds = () => sum(pids.map((pid) => usageOf(pid).cpuSeconds));
  const before = cpuSeconds();
  const rate = await bytesPerSecond(url, CONNECTIONS, SECONDS);
  return { bytesPerSecond: rate, cpuSeconds: cpuSeconds() - before };
}

async function serve(): Promise<Served> {
  await using opened = new AsyncDisposableStack();
  const data = opened.use(await scratchFolder('bench', bulkStorage));
  // The workers of nginx run as a user of their own.
  await chmod(data.path, 0o755);
  const certificate = await (await certificateAuthority(data.path)).issue('server', ['wharf.test']);
  const backend = `127.0.0.1:${await freePort()}`;
  const wharf = opened.use(await openWharf());
  const settings = { listen: backend, trustedProxies: ['127.0.0.1'], accelRedirect: '/_blobs', data: data.path };
  await wharf.configure(JSON.stringify({ ...settings, upstreams: {}, hosted: ['**'] }));
  const server = opened.use(await wharf.start(['serve', '--admin', 'off'], {}, path.join(data.path, 'serve.log')));
  await server.firstLine;
  const blob = randomBytes(BLOB_BYTES);
  await pushBlob(`http://${backend}/v2/${REPOSITORY}`, blob);

  const blobsFolder = path.join(data.path, 'blobs-v1');
  const pids = [server.pid];
  const ports = new Map<string, number>();
  const begin = async (way: Way, textFor: (http: number, https: number) => string) => {
    const [http, https] = [await freePort(), await freePort()];
    const nginx = opened.use(await startNginx(textFor(http, https), http));
    pids.push(await workerOf(nginx.pid));
    ports.set(`${way} http`, http).set(`${way} https`, https);
  };
  const inFront = (folder?: string) => (http: number, https: number) => {
    const endpoints = [`http://wharf.test:${http}`, `https://wharf.test:${https}`];
    const upstream = { name: 'docker.io', registryUrl: 'https://docker.io' };
    const setup = { upstreams: [{ ...upstream, endpoints: endpoints.map((url) => ({ url, isDedicated: true })) }] };
    const options = { backend, bind: '127.0.0.1', certificate, blobsFolder: folder };
    return nginxConfiguration(setup, options).files[0]?.text ?? '';
  };
  await begin(WAYS[0], (http, https) => alone(blobsFolder, certificate, http, https));
  await begin(WAYS[1], inFront(blobsFolder));
  await begin(WAYS[2], inFront());

  const hex = digestOf(blob).slice('sha256:'.length);
  const file = `/sha256/${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex}`;
  const running = opened.move();
  return {
    pids,
    urlOf: (way, protocol) => {
      const at = way === WAYS[0] ? file : `/v2/${REPOSITORY}/blobs/sha256:${hex}`;
      return `${protocol}://127.0.0.1:${ports.get(`${way} ${protocol}`)}${at}`;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function alone(folder: string, { file, keyFile }: CertificateFiles, http: number, https: number): string {
  return `server {
    listen 127.0.0.1:${http};
    listen 127.0.0.1:${https} ssl http2;
    ssl_certificate ${file};
    ssl_certificate_key ${keyFile};
    ssl_protocols TLSv1.2 TLSv1.3;
    gzip off;
    sendfile on;
    tcp_nopush on;
    root ${folder};
}`;
}

/** The process that does the work; the one that was started only watches over it, and listens before there is one. */
async function workerOf(pid: number): Promise<number> {
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  await until(() => Promise.resolve(children() !== ''));
  return Number(children().split(' ')[0]);
}

/** Of all times together. */
function totalOf(figures: readonly Figures[]): Figures {
  const bytes = sum(figures.map((one) => one.bytesPerSecond * SECONDS));
  const cpuSeconds = sum(figures.map((one) => one.cpuSeconds));
  return { bytesPerSecond: bytes / (SECONDS * figures.length), cpuSeconds };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
