import { openStore } from '../../../src/app/open-store.ts';
import { describeAddress } from '../../../src/app/registry-server.ts';
import type { RequestLine } from '../../../src/http/exchange.ts';
import type { CheckEvent, Finding } from '../../../src/store/check-finding.ts';
import { checkStore } from '../../../src/store/check-store.ts';
import { collectGarbage } from '../../../src/store/collect-garbage.ts';
import { LOOPBACK, openRegistryServer } from '../hosted/open-server.ts';
import { scratchFolder } from '../programs/scratch-folder.ts';
import type { DataFolder } from './fleet.ts';

const GRACE_MS = 10_000;

/** Worked on in this process: a kill is the end of all connections. */
export async function folderHere(): Promise<DataFolder> {
  const folder = await scratchFolder('model');
  const troubles: string[] = [];
  const onRequest = ({ status, isComplete, method, path, error }: RequestLine) => {
    if (status < 500 || !isComplete) return;
    troubles.push(`${status} ${method} ${path}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  return {
    path: folder.path,
    troubles,
    async serve() {
      const server = await openRegistryServer(folder.path, { onRequest });
      const end = async (graceMs: number) => {
        if ((await server.close(graceMs)) > 0) throw new Error('requests go on although the server has closed');
      };
      return { url: describeAddress(server.addresses[0] ?? LOOPBACK), kill: () => end(0), stop: () => end(GRACE_MS) };
    },
    async collect({ olderThan, untagged }) {
      const killed = new AbortController();
      return { ended: collect(), kill: () => killed.abort() };

      async function collect() {
        await using store = await openStore(folder.path);
        const options = { untagged, signal: killed.signal, ...(olderThan === '0s' && { olderThanMs: 0 }) };
        try {
          await collectGarbage(store, options);
        } catch (error) {
          if (!killed.signal.aborted) throw error;
        }
      }
    },
    async check() {
      await using store = await openStore(folder.path);
      const findings: Finding[] = [];
      const onEvent = (event: CheckEvent) => void (event.type === 'found' && findings.push(event.finding));
      await checkStore(store, { seed: 'all', onEvent });
      return findings;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
