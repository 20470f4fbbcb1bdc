// The four hosts of Docker Hub, each on a port of its own: registry-1.docker.io, auth.docker.io, hub.docker.com and the
// CDN.
import type { Answer } from '../origin/answer.ts';
import { type OriginOptions, startOrigin } from '../origin/origin.ts';
import type { Request } from '../origin/request.ts';
import { API_VERSION } from '../registry/read.ts';
import { classifyRegistry } from '../registry/route.ts';
import type { HubContent } from './hub-content.ts';
import type { HubOptions } from './hub-options.ts';
import { answerHubRegistry } from './hub-registry.ts';
import { hubServices } from './hub-services.ts';

export interface HubOrigins extends AsyncDisposable {
  readonly registryUrl: string;
  /** The realm that the registry names. */
  readonly tokenUrl: string;
  readonly cdnUrl: string;
  readonly apiUrl: string;
}

export async function startHubOrigins(
  options: HubOptions,
  content: HubContent,
  watch: Pick<OriginOptions, 'faults' | 'observe'>,
): Promise<HubOrigins> {
  const common = { ...watch, latencyMs: options.latencyMs };
  const services = hubServices(options, content);
  const { tokens, cdn: blobs, webApi, guarded } = services;
  const startPlain = (name: 'cdn' | 'token' | 'api', handle: (request: Request) => Answer) =>
    startOrigin({ ...common, name, classify: () => name, handle });

  await using started = new AsyncDisposableStack();
  const cdn = started.use(await startPlain('cdn', (request) => blobs.answer(request)));
  const token = started.use(await startPlain('token', guarded(tokens.answer.bind(tokens))));
  const api = started.use(await startPlain('api', guarded(webApi.answer.bind(webApi))));
  const addresses = { realm: `${token.url}/token`, cdnUrl: cdn.url };
  const registry = started.use(
    await startOrigin({
      ...common,
      name: 'registry',
      classify: classifyRegistry,
      handle: guarded((request) => answerHubRegistry(services, addresses, request)),
      headers: API_VERSION,
      port: options.port,
    }),
  );
  const running = started.move();
  return {
    registryUrl: registry.url,
    tokenUrl: addresses.realm,
    cdnUrl: cdn.url,
    apiUrl: api.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
