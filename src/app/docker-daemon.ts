// A docker daemon as a place of images: what `docker save`, `docker load` and `docker pull` ask of it.
import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import { z } from 'zod';
import type { Call } from '../oci/repository.ts';
import { OciError } from '../oci/errors.ts';
import { parseReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { SendError, type SendResponse } from '../remote/send.ts';
import { tap } from '../streams/tap.ts';
import { type DaemonAddress, readDockerHost } from './docker-host.ts';
import { RequestBody } from './request-body.ts';
import { UndiciExchange } from './undici-exchange.ts';

export interface DockerDaemonOptions {
  /** DOCKER_HOST says where it is, as for docker itself; contexts of the docker CLI are not looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where a daemon pulls from. */
export interface DaemonSources {
  /** `registry-mirrors`, without a slash at their ends. */
  readonly mirrors: readonly string[];
  /** Its images are containerd's, whose `hosts.toml` files come before the mirrors. */
  readonly isContainerdStore: boolean;
}

/** A daemon writes a whole image to its disk before it sends or acknowledges any of it. */
const MAX_WAIT_MS = 30 * 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const CONNECTIONS = 8;
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_SHOWN = 300;

const refusalSchema = z.object({ message: z.string() });
const infoSchema = z.object({
  RegistryConfig: z.object({ Mirrors: z.array(z.string()).nullish() }).nullish(),
  DriverStatus: z.array(z.array(z.string())).nullish(),
});
const progressSchema = z.object({ error: z.string().optional() });

/** Disposing of it ends what is in flight. */
export class DockerDaemon implements AsyncDisposable {
  readonly #address: DaemonAddress;
  readonly #pool: Pool;

  private constructor(address: DaemonAddress) {
    this.#address = address;
    this.#pool = new Pool(address.origin, {
      connections: CONNECTIONS,
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        ...(address.socketPath !== undefined && { socketPath: address.socketPath }),
      },
    });
  }

  /** Asks nothing yet. Throws UsageError for an address that cannot be used. */
  static connect({ env }: DockerDaemonOptions): DockerDaemon {
    return new DockerDaemon(readDockerHost(env));
  }

  /**
   * The archive of an image, for `readDockerArchive`; the caller reads it to its end or cancels it. The name is
   * `nginx:1.27`, or an image ID. Throws UsageError when there is no daemon, or it has no such image.
   */
  async save(name: string, call: Call = {}): Promise<ReadableStream<Uint8Array>> {
    checkName(name);
    const answer = await this.#ask({ method: 'GET', path: `/images/${encodeURI(name)}/get` }, call);
    if (answer.status === 404) {
      await answer.body.discard();
      throw new UsageError(`the docker daemon at ${this.#address.name} has no image ${name}; docker images lists them`);
    }
    if (answer.status !== 200) throw await this.#refusal(`to give the image ${name}`, answer);
    return tap(answer.body.stream(), { mapError: (error) => this.#failure(error) });
  }

  /** Gives it all images of an archive as `docker save` makes them. Throws UsageError when it does not take them. */
  async load(archive: ReadableStream<Uint8Array>, call: Call = {}): Promise<void> {
    const answer = await this.#ask({ method: 'POST', path: '/images/load?quiet=1', body: archive }, call);
    if (answer.status !== 200) throw await this.#refusal('to load the archive', answer);
    const text = new TextDecoder().decode(await answer.body.bytes(MAX_ANSWER_BYTES));
    const error = errorIn(text);
    if (error === undefined) return;
    throw new UsageError(`the docker daemon at ${this.#address.name} could not load the archive: ${printable(error)}`);
  }

  async sources(call: Call = {}): Promise<DaemonSources> {
    const answer = await this.#ask({ method: 'GET', path: '/info' }, call);
    if (answer.status !== 200) throw await this.#refusal('to describe itself', answer);
    const text = new TextDecoder().decode(await answer.body.bytes(MAX_ANSWER_BYTES));
    const { success, data } = infoSchema.safeParse(parsed(text));
    if (!success) throw new UsageError(`what answers at ${this.#address.name} is no docker daemon`);
    return {
      mirrors: (data.RegistryConfig?.Mirrors ?? []).map((mirror) => mirror.replace(/\/$/, '')),
      isContainerdStore: (data.DriverStatus ?? []).some((pair) => pair.join(' ').includes('containerd.snapshotter')),
    };
  }

  /** What it has against pulling the image; `undefined` when it has pulled it. The reference has a tag or a digest. */
  async pull(reference: string, call: Call = {}): Promise<string | undefined> {
    checkName(reference);
    const path = `/images/create?fromImage=${encodeURIComponent(reference)}`;
    const answer = await this.#ask({ method: 'POST', path }, call);
    if (answer.status === 200) {
      const progress = tap(answer.body.stream(), { mapError: (error) => this.#failure(error) });
      const error = await errorAmid(progress);
      return error && printable(error);
    }
    const text = new TextDecoder().decode(await answer.body.bytes(MAX_ANSWER_BYTES));
    return printable(refusalSchema.safeParse(parsed(text)).data?.message ?? text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  async #ask(
    { method, path, body }: { method: 'GET' | 'POST'; path: string; body?: ReadableStream<Uint8Array> },
    { signal }: Call,
  ): Promise<SendResponse> {
    const exchange = new UndiciExchange(signal);
    const streamed = body && new RequestBody(body, MAX_WAIT_MS, (error) => exchange.abort(error));
    try {
      signal?.throwIfAborted();
      const options = {
        method,
        path,
        headers: streamed === undefined ? {} : { 'content-type': 'application/x-tar' },
        // undici takes any async iterable as a body, though its types name streams only.
        body: (streamed as unknown as Readable | undefined) ?? null,
        headersTimeout: MAX_WAIT_MS,
        bodyTimeout: MAX_WAIT_MS,
      };
      this.#pool.dispatch(options, exchange);
      return await exchange.answer;
    } catch (error) {
      signal?.throwIfAborted();
      // A request that failed because its body did is the body's failure.
      if (streamed?.failure !== undefined) throw streamed.failure.error;
      throw this.#failure(error);
    } finally {
      streamed?.close();
    }
  }

  /** Why there was no answer, or no whole one. */
  #failure(error: unknown): unknown {
    const { name } = this.#address;
    const code = codeOf(error);
    const advice = 'start it, or say with DOCKER_HOST where it is';
    if (code === 'ENOENT') return new UsageError(`there is no docker daemon at ${name}; ${advice}`, { cause: error });
    if (code === 'EACCES' || code === 'EPERM') {
      const message = `the docker daemon at ${name} is not for this user (${code}); the owner of its socket may ask it`;
      return new UsageError(message, { cause: error });
    }
    if (!(error instanceof SendError)) return error;
    const more = error.failure === 'CONNECTION_REFUSED' ? `; ${advice}` : '';
    return new UsageError(`the docker daemon at ${name} ${error.message}${more}`, { cause: error });
  }

  async #refusal(what: string, { status, body }: SendResponse): Promise<UsageError> {
    const text = new TextDecoder().decode(await body.bytes(MAX_ANSWER_BYTES));
    const message = refusalSchema.safeParse(parsed(text)).data?.message ?? text;
    return new UsageError(
      `the docker daemon at ${this.#address.name} refused ${what} (${status}): ${printable(message)}`,
    );
  }
}

// Nothing but a name of an image may become part of the path.
function checkName(name: string): void {
  if (/^(?:sha256:)?[0-9a-f]{12,64}$/.test(name)) return;
  try {
    parseReference(name);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new UsageError(`${printable(name)} is not the name of an image in a docker daemon: ${cause.message}`, {
      cause,
    });
  }
}

/** The first error among the lines of progress. */
function errorIn(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const error = progressSchema.safeParse(parsed(line)).data?.error;
    if (error !== undefined) return error;
  }
  return undefined;
}

/** The same of progress that may be long. */
async function errorAmid(progress: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let error: string | undefined;
  for await (const chunk of progress) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_ANSWER_BYTES);
    error ??= errorIn(lines.join('\n'));
  }
  return error ?? errorIn(rest);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function printable(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, MAX_SHOWN);
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof SendError) return codeOf(error.cause);
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
