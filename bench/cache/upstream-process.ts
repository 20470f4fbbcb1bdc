import { fileURLToPath } from 'node:url';
import { startProgram } from '../../test/support/programs/program.ts';

/** What an upstream was asked for, since it was last told to prepare something. */
export interface UpstreamCounts {
  /** Those that a Docker Hub counts. */
  manifestGets: number;
  manifestHeads: number;
  blobGets: number;
  blobBytes: number;
  /** When the first byte of any layer left; see `monotonicMs`. */
  firstLayerByteMs: number;
}

export interface UpstreamSetting {
  readonly prepare?: { readonly repository: string; readonly layerBytes: number };
  /** Of blobs, to all clients together; as fast as it can where it is not given. */
  readonly bytesPerSecond?: number | undefined;
}

export interface UpstreamAnswer {
  readonly counts: UpstreamCounts;
  /** Of the image that was prepared. */
  readonly layer: string;
}

export interface UpstreamProcess extends AsyncDisposable {
  readonly url: string;
  /** Has an image of the repository's name under `latest`, whose layer it names, and counts from nothing. */
  prepare(repository: string, layerBytes: number, bytesPerSecond?: number): Promise<{ readonly layer: string }>;
  /** What was counted; counting begins anew. */
  counts(): Promise<UpstreamCounts>;
}

const MAIN = fileURLToPath(new URL('upstream.ts', import.meta.url));

export async function startUpstream(): Promise<UpstreamProcess> {
  const program = await startProgram(process.execPath, [MAIN]);
  const { url } = JSON.parse(await program.firstLine) as { readonly url: string };
  const set = async (setting: UpstreamSetting): Promise<UpstreamAnswer> => {
    const answer = await fetch(`${url}/${encodeURIComponent(JSON.stringify(setting))}`, { method: 'POST' });
    if (!answer.ok) throw new Error(`the upstream answered ${answer.status}`);
    return (await answer.json()) as UpstreamAnswer;
  };
  return {
    url,
    async prepare(repository, layerBytes, bytesPerSecond) {
      const { layer } = await set({ prepare: { repository, layerBytes }, bytesPerSecond });
      return { layer };
    },
    counts: async () => (await set({})).counts,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
