// The repository team/app, as its client sees it: of a registry on loopback, or of one that exists nowhere.
import { digestOf } from '../../../src/oci/digest.ts';
import { parseRepositoryName, parseTag } from '../../../src/oci/reference.ts';
import { Network } from '../../../src/remote/network.ts';
import { RemoteRegistry } from '../../../src/remote/remote-registry.ts';
import type { RemoteRepository } from '../../../src/remote/remote-repository.ts';
import type { SendRequest } from '../../../src/remote/send.ts';
import { FakeClock } from '../fake-clock.ts';
import type { Fault } from '../origin/faults.ts';
import { MANIFEST, pushImage } from '../push.ts';
import { type Registry, startRegistry } from '../registry/registry.ts';
import { type LoopbackNetwork, openNetwork } from './loopback-network.ts';
import { type Reply, scriptedSend } from './scripted-send.ts';

export const APP = parseRepositoryName('team/app');
export const ONE = parseTag('1');
/** What ONE means. */
export const DIGEST = digestOf(MANIFEST);

export interface AppRepository extends AsyncDisposable {
  readonly registry: Registry;
  readonly net: LoopbackNetwork;
  readonly repository: RemoteRepository;
  readonly host: string;
}

/** A registry that has team/app:1 and these faults. */
export async function startApp(...faults: readonly Fault[]): Promise<AppRepository> {
  await using started = new AsyncDisposableStack();
  const registry = started.use(await startRegistry());
  const net = started.use(openNetwork({ deadlineMs: 100 }));
  await pushImage(registry, APP, ONE);
  registry.resetCounters();
  registry.faults.add(...faults);
  const url = new URL(registry.url);
  const repository = new RemoteRegistry({ name: 'r', url, network: net.network }).repository(APP);
  const running = started.move();
  return { registry, net, repository, host: url.host, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** team/app at https://reg.example.com, which answers as it is told, without a login. */
export function scriptedApp(answer: (request: SendRequest) => Reply): {
  readonly repository: RemoteRepository;
  readonly requests: readonly SendRequest[];
} {
  const isPing = ({ url }: SendRequest) => url.pathname === '/v2/';
  const { send, requests } = scriptedSend((request) => (isPing(request) ? { status: 200 } : answer(request)));
  const network = new Network({ send, clock: new FakeClock() });
  const registry = new RemoteRegistry({ name: 'r', url: new URL('https://reg.example.com'), network });
  return { repository: registry.repository(APP), requests };
}
