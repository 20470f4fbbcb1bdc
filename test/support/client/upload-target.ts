// A registry to push to, and sources that break on purpose.
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { parseRepositoryName } from '../../../src/oci/reference.ts';
import { RemoteRegistry } from '../../../src/remote/remote-registry.ts';
import type { RemoteRepository } from '../../../src/remote/remote-repository.ts';
import { FakeClock } from '../fake-clock.ts';
import { type LoopbackNetwork, openNetwork } from './loopback-network.ts';
import type { Fault } from '../origin/faults.ts';
import { type Registry, type RegistryOptions, startRegistry } from '../registry/registry.ts';

export const APP = parseRepositoryName('team/app');
export const BYTES: Buffer<ArrayBuffer> = Buffer.from('hello, upload '.repeat(1000));
export const BLOB: Descriptor = describeBlob(BYTES);
export const ADA = { username: 'ada', password: 'secret' };

export function describeBlob(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
}

export interface Bodies {
  readonly open: () => Promise<ReadableStream<Uint8Array>>;
  /** How each body that was opened has ended. */
  readonly ends: readonly ('read' | 'cancelled' | 'failed' | 'open')[];
}

/** Bodies as a source gives them: the first ones break half-way, those after them are good. */
export function bodies(bytes: Uint8Array, { broken = 0 } = {}): Bodies {
  const ends: ('read' | 'cancelled' | 'failed' | 'open')[] = [];
  const open = () => {
    const nth = ends.push('open');
    let offset = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (nth <= broken && offset > bytes.byteLength / 2) {
            ends[nth - 1] = 'failed';
            throw Object.assign(new Error('the source broke'), { isRetryable: true });
          }
          const chunk = bytes.subarray(offset, (offset += 64 * 1024 > bytes.byteLength ? 1000 : 64 * 1024));
          if (chunk.byteLength > 0) return controller.enqueue(chunk);
          ends[nth - 1] = 'read';
          controller.close();
        },
        cancel: () => void (ends[nth - 1] = 'cancelled'),
      },
      { highWaterMark: 0 },
    );
    return Promise.resolve(body);
  };
  return { open, ends };
}

export interface UploadTarget extends AsyncDisposable {
  readonly registry: Registry;
  readonly net: LoopbackNetwork;
  readonly clock: FakeClock;
  /** What it was asked about blobs, and the status of its answer: `PUT 201`. */
  readonly log: string[];
  /** APP, as a client sees it that knows ADA where a login is asked for. */
  readonly repository: RemoteRepository;
}

export async function startUploadTarget(
  faults: readonly Fault[] = [],
  options: RegistryOptions = {},
): Promise<UploadTarget> {
  await using started = new AsyncDisposableStack();
  const clock = new FakeClock();
  const registry = started.use(await startRegistry({ now: () => clock.now(), ...options }));
  const net = started.use(openNetwork({ clock, deadlineMs: 500 }));
  const log = recordAnswers(registry);
  registry.faults.add(...faults);
  const remote = new RemoteRegistry({
    name: 'target',
    url: new URL(registry.url),
    network: net.network,
    ...(options.login !== undefined && { credentials: () => Promise.resolve(ADA) }),
  });
  const running = started.move();
  return {
    registry,
    net,
    clock,
    log,
    repository: remote.repository(APP),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function recordAnswers({ faults }: Registry): string[] {
  const log: string[] = [];
  faults.add({
    when: {},
    action: async (request, next) => {
      const answer = await next(request);
      const isOfBlobs = request.kind === 'upload' || request.kind === 'mount' || request.kind === 'blob';
      if (isOfBlobs) log.push(`${request.method} ${answer.status}`);
      return answer;
    },
  });
  return log;
}
