// Our scripted registry as a process of its own: a target, or a mirror, that misbehaves when told to.
import path from 'node:path';
import type { RegistryCounters } from '../registry/counters.ts';
import type { ScriptedFault } from '../origin/fault-script.ts';
import { askControl } from './ask-control.ts';
import { startProgram } from './program.ts';

type RegistryCounts = Omit<RegistryCounters, 'blobPutsByDigest'> & {
  readonly blobPutsByDigest: Readonly<Record<string, number>>;
};

export interface RegistryProcess extends AsyncDisposable {
  /** `127.0.0.1:5123`. */
  readonly host: string;
  readonly url: string;
  counters(): Promise<RegistryCounts>;
  resetCounters(): Promise<void>;
  /** Replaces those in force. */
  setFaults(...faults: readonly ScriptedFault[]): Promise<void>;
}

const MAIN = path.join(import.meta.dirname, '../registry/main.ts');

export async function startRegistryProcess(...faults: readonly ScriptedFault[]): Promise<RegistryProcess> {
  const program = await startProgram(process.execPath, [MAIN]);
  const { registryUrl: url, controlUrl } = JSON.parse(await program.firstLine) as Record<
    'registryUrl' | 'controlUrl',
    string
  >;
  const setFaults: RegistryProcess['setFaults'] = async (...faults) =>
    void (await askControl(controlUrl, 'POST /faults', faults));
  await setFaults(...faults);
  return {
    host: new URL(url).host,
    url,
    counters: async () => (await askControl(controlUrl, 'GET /counters')) as RegistryCounts,
    resetCounters: async () => void (await askControl(controlUrl, 'POST /reset')),
    setFaults,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
