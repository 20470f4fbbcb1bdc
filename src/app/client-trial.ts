// A real pull by a client, to see whether it goes through the mirror.
import type { Reference } from '../oci/reference.ts';
import { DOCKER_HUB, formatReference } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { printable } from '../remote/printable.ts';
import { type ClientFinding, notTried, ok, wrong } from './client-finding.ts';
import { type PullLog, lastWords, readContainerdLog, readContainersLog } from './client-pull-log.ts';
import { DockerDaemon } from './docker-daemon.ts';
import { runClientProgram } from './run-client-program.ts';

export interface ClientTrialOptions extends Call {
  readonly image: Reference;
  /** Where the client is to pull it from, in order: `https://mirror.example`, perhaps with a path. */
  readonly mirrors: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file or folder of the client's configuration, where that is not at its usual place. */
  readonly configured: (path: string) => string | undefined;
}

type ClientTrial = (options: ClientTrialOptions) => Promise<readonly ClientFinding[]>;

/** The clients that can be tried from here. */
export const CLIENT_TRIALS: Readonly<Record<string, ClientTrial>> = {
  docker: tryDocker,
  containerd: tryContainerd,
  podman: tryPodman,
  k3s: (options) => tryQuietly(['k3s', 'crictl', 'pull'], options),
};

const RESTRICTED = /restricted by your administrators/i;
const MAX_QUOTE = 300;

async function tryDocker({ image, mirrors, env, signal }: ClientTrialOptions): Promise<readonly ClientFinding[]> {
  const name = formatReference(image);
  if (image.domain !== DOCKER_HUB)
    throw new UsageError(`docker pulls nothing but ${DOCKER_HUB} through a mirror, so not ${name}`);
  try {
    await using daemon = DockerDaemon.connect({ env });
    const sources = await daemon.sources({ signal });
    const [mirror = ''] = mirrors;
    const lacking = mirrors.filter((each) => !sources.mirrors.includes(each));
    const said = sources.mirrors.length === 0 ? 'it has none' : `it has ${sources.mirrors.join(', ')}`;
    const known = lacking.map((each) =>
      wrong(`the docker daemon does not know the mirror ${each}: ${said}; reload it, or restart it`),
    );
    const hint = sources.isContainerdStore
      ? [
          notTried(
            `the images of this daemon are containerd's: a hosts.toml in /etc/docker/certs.d/${DOCKER_HUB} would come before its mirrors`,
          ),
        ]
      : [];
    const complaint = await daemon.pull(name, { signal });
    if (complaint === undefined) return [...known, ...hint, ok(`docker pulled ${name}`)];
    return [...known, ...hint, refusedPull(name, complaint, image, mirror)];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [wrong(error.message)];
  }
}

function refusedPull(name: string, complaint: string, { repository, tag }: Reference, mirror: string): ClientFinding {
  if (!RESTRICTED.test(complaint)) return wrong(`docker could not pull ${name}: ${complaint}`);
  const familiar = `${repository.replace(/^library\//, '')}${tag === undefined ? '' : `:${tag}`}`;
  const there = `${new URL(mirror).host}/${repository}${tag === undefined ? '' : `:${tag}`}`;
  return {
    state: 'wrong',
    message: `Docker Desktop forbids the names of ${DOCKER_HUB} by a policy of your organisation (Registry Access Management), and asks no mirror; those of the mirror are other names`,
    wayRound: [`docker pull ${there}`, `docker tag ${there} ${familiar}`],
  };
}

async function tryContainerd(options: ClientTrialOptions): Promise<readonly ClientFinding[]> {
  const { image, env, signal, configured } = options;
  const hosts = configured('/etc/containerd/certs.d') ?? '/etc/containerd/certs.d';
  const command = ['ctr', '--debug', 'content', 'fetch', '--hosts-dir', hosts, formatReference(image)] as const;
  const run = await runClientProgram([...command], { env, signal });
  const byCtr = run === undefined ? missing('ctr') : judge('containerd', options, run, readContainerdLog(run.output));
  return [byCtr, ...(await tryQuietly(['crictl', 'pull'], options))];
}

async function tryPodman(options: ClientTrialOptions): Promise<readonly ClientFinding[]> {
  const { image, env, signal, configured } = options;
  const conf = configured('/etc/containers/registries.conf.d/wharf.conf');
  const name = formatReference(image);
  const byPodman = await runClientProgram(['podman', '--log-level=debug', 'pull', name], {
    env: { ...env, ...(conf !== undefined && { CONTAINERS_REGISTRIES_CONF: conf }) },
    signal,
  });
  if (byPodman !== undefined) return [judge('podman', options, byPodman, readContainersLog(byPodman.output))];
  const flags = conf === undefined ? [] : ['--registries-conf', conf];
  const bySkopeo = await runClientProgram(['skopeo', '--debug', ...flags, 'inspect', '--raw', `docker://${name}`], {
    env,
    signal,
  });
  if (bySkopeo === undefined) return [wrong('neither podman nor skopeo is installed here, so nothing could be pulled')];
  return [judge('skopeo', options, bySkopeo, readContainersLog(bySkopeo.output))];
}

/** With a client that does not say where it pulls from. */
async function tryQuietly(
  [program, ...args]: readonly [string, ...string[]],
  { image, env, signal }: ClientTrialOptions,
): Promise<readonly ClientFinding[]> {
  const name = formatReference(image);
  const run = await runClientProgram([program, ...args, name], { env, signal });
  if (run === undefined) {
    return [
      program === 'crictl'
        ? notTried('crictl is not installed here, so what Kubernetes would do was not tried')
        : missing(program),
    ];
  }
  if (run.isDone) return [ok(`${program} pulled ${name}; it does not say from where`)];
  return [wrong(`${program} could not pull ${name}: ${quote(lastWords(run.output))}`)];
}

function judge(
  client: string,
  { image, mirrors }: ClientTrialOptions,
  { isDone, output }: { readonly isDone: boolean; readonly output: string },
  { from, passedOver }: PullLog,
): ClientFinding {
  const name = formatReference(image);
  const hosts = mirrors.map((mirror) => new URL(mirror).host);
  const isMirror = (place: string) => hosts.some((host) => place === host || place.startsWith(`${host}/`));
  const refusal = passedOver.find(({ place }) => isMirror(place));
  if (!isDone) return wrong(`${client} could not pull ${name}: ${quote(refusal?.reason ?? lastWords(output))}`);
  if (from !== undefined && isMirror(from)) return ok(`${client} pulled ${name} through ${from.split('/')[0]}`);
  const why = refusal === undefined ? 'its configuration does not name the mirror' : quote(refusal.reason);
  return wrong(`${client} pulled ${name} past the mirror, from ${from ?? 'elsewhere'}: ${why}`);
}

function missing(program: string): ClientFinding {
  return wrong(`${program} is not installed here, so nothing could be pulled`);
}

function quote(words: string): string {
  const line = printable(words);
  return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line;
}
