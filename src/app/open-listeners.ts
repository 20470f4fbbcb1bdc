// The registry's listeners: the same handler at every address, with TLS where it is configured, within the limits.
import type { Config } from '../config/config.ts';
import type { HttpHandler, HttpRequest } from '../http/distribution/request.ts';
import type { RequestLine } from '../http/exchange.ts';
import { limitedHandler } from '../http/limits/limited-handler.ts';
import type { Limiter } from '../http/limits/limiter.ts';
import type { HttpServer } from '../http/node.ts';
import { strictTransport } from '../http/strict-transport.ts';
import type { Log } from '../observe/log.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { readKeyPair } from './key-pair.ts';
import { openServer } from './open-server.ts';

interface ListenersOptions {
  readonly config: Pick<Config, 'listen' | 'tls' | 'limits'>;
  readonly limiter: Limiter;
  readonly handler: HttpHandler;
  readonly onFinished: (line: RequestLine) => void;
  readonly log: Log;
  /** The address of who asks, which is not that of a proxy in front. */
  readonly clientOf: (request: HttpRequest) => string;
  readonly isProxy: (address: string) => boolean;
}

export interface Listeners extends AsyncDisposable {
  readonly servers: readonly HttpServer[];
}

/** Throws UsageError when an address cannot be listened on, or the certificate cannot be used. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { config, limiter, onFinished, log, clientOf, isProxy } = options;
  await using opened = new AsyncDisposableStack();
  const { total, perClient } = config.limits;
  const certificate = config.tls && readKeyPair(config.tls);
  const isCounting = [total, perClient].some((use) => isFinite(use.requestsPerSecond) || isFinite(use.uploads));
  const isPaced = isFinite(total.bytesPerSecond) || isFinite(perClient.bytesPerSecond);
  const handler = isCounting ? limitedHandler(options.handler, limiter, clientOf) : options.handler;
  const servers: HttpServer[] = [];
  for (const address of config.listen) {
    const isTls = certificate !== undefined && address.kind !== 'unix';
    const server = await openServer(
      {
        address,
        handler: isTls ? strictTransport(handler) : handler,
        onFinished,
        certificate: isTls ? certificate : undefined,
        // Who is at a unix socket, or a proxy, stands for many.
        admit: (remoteAddress) => limiter.connect(remoteAddress, remoteAddress === '' || isProxy(remoteAddress)),
        sent: isPaced ? (request, bytes) => limiter.sent(clientOf(request), bytes) : undefined,
      },
      'choose another with --listen',
    );
    servers.push(opened.use(server));
  }
  if (config.tls !== undefined) {
    const secure = servers.filter(({ isSecure }) => isSecure);
    const use: ConstructorParameters<typeof CertificateWatch>[0]['use'] = (renewed) => {
      for (const server of secure) server.useCertificate(renewed);
    };
    opened.use(new CertificateWatch({ files: config.tls, log, use }).begin());
  }
  const all = opened.move();
  return { servers, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
