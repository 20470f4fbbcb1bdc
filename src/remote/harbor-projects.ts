// Harbor's projects (goharbor/harbor, API v2.0). Its API takes the password itself, and not the tokens of `/v2/`.
import type { Traffic } from '../observe/traffic.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from './credentials.ts';
import { errorFromAnswer } from './error-answer.ts';
import type { Network } from './network.ts';
import type { ProjectCreator } from './project-creator.ts';
import { RemoteError } from './remote-error.ts';
import type { SendResponse } from './send.ts';

export interface HarborProjectsOptions {
  /** The registry's own URL: its origin alone sees the login. */
  readonly url: URL;
  readonly network: Network;
  readonly traffic: Traffic;
  readonly credentials: () => Promise<Credentials | undefined>;
}

const MAX_PING_BYTES = 1024;

export class HarborProjects implements ProjectCreator {
  readonly #options: HarborProjectsOptions;

  constructor(options: HarborProjectsOptions) {
    this.#options = options;
  }

  async createProjects(repositories: Iterable<RepositoryName>, call: Call): Promise<readonly string[]> {
    const projects = projectsOf(repositories);
    if (projects.length === 0 || !(await this.#isHarbor(call))) return [];
    const made: string[] = [];
    for (const project of projects) if (await this.#ensure(project, call)) made.push(project);
    return made;
  }

  /** Asked without a login, as it may be anybody's server. */
  async #isHarbor(call: Call): Promise<boolean> {
    const what = 'whether it is a Harbor';
    let response: SendResponse;
    try {
      response = await this.#ask('GET', 'ping', { ...call, what, maxBodyBytes: MAX_PING_BYTES });
    } catch (error) {
      // What ails a registry is said by the push.
      if (error instanceof RemoteError) return false;
      throw error;
    }
    if (response.status !== 200) {
      await response.body.discard();
      return false;
    }
    const text = await response.body.bytes(MAX_PING_BYTES).catch(() => new Uint8Array());
    return new TextDecoder().decode(text).trim() === 'Pong';
  }

  /** Whether it had to be made. */
  async #ensure(project: string, call: Call): Promise<boolean> {
    const what = `the project ${project}`;
    const headers = await this.#loginHeaders();
    const path = `projects?project_name=${encodeURIComponent(project)}`;
    const found = await this.#ask('HEAD', path, { ...call, what, headers });
    await found.body.discard();
    if (found.status === 200) return false;
    if (found.status !== 404) throw await this.#refusal(found, what);
    const body = new TextEncoder().encode(JSON.stringify({ project_name: project, metadata: { public: 'false' } }));
    const sent = { ...headers, 'content-type': 'application/json' };
    const made = await this.#ask('POST', 'projects', { ...call, what, headers: sent, body });
    // Another may have made it meanwhile.
    if (made.status !== 201 && made.status !== 409) throw await this.#refusal(made, `making ${what}`);
    await made.body.discard();
    return made.status === 201;
  }

  async #loginHeaders(): Promise<{ authorization: string }> {
    const { credentials, url } = this.#options;
    const login = await credentials();
    if (login === undefined || !('password' in login)) {
      throw new UsageError(`making projects at ${url.host} takes a user name and a password; try \`wharf login\``);
    }
    const bytes = new TextEncoder().encode(`${login.username}:${login.password}`);
    return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
  }

  async #ask(
    method: 'GET' | 'HEAD' | 'POST',
    path: string,
    request: Call & {
      readonly what: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: Uint8Array;
      readonly maxBodyBytes?: number;
    },
  ): Promise<SendResponse> {
    const { url, network, traffic } = this.#options;
    const { headers = {}, ...rest } = request;
    return await network.origin(url).exchange({
      ...rest,
      method,
      url: new URL(`/api/v2.0/${path}`, url),
      headers: { accept: 'application/json, text/plain', 'accept-encoding': 'identity', ...headers },
      kind: 'api',
      traffic,
      reach: 'configured',
    });
  }

  async #refusal(response: SendResponse, what: string): Promise<RemoteError> {
    return await errorFromAnswer(this.#options.url.host, response, what, this.#options.network.clock.now());
  }
}

/** The first component of each name; a name of one component is in none, and Harbor takes no push to it. */
function projectsOf(repositories: Iterable<RepositoryName>): string[] {
  const projects = new Set<string>();
  for (const name of repositories) {
    const slash = name.indexOf('/');
    if (slash > 0) projects.add(name.slice(0, slash));
  }
  return [...projects].toSorted();
}
