// What the figures mean: each against what it has to beat.
import { isRealLibraryHere } from '../test/support/programs/library-folder.ts';
import type { Measured } from './sync-runs.ts';

/** regsync v0.11.5, the same two jobs on another machine; no figures are known of any other library. */
const REGSYNC: { readonly six?: Compared; readonly whole?: Compared } = isRealLibraryHere
  ? { six: { seconds: 38.6, manifestGets: 1311 }, whole: { seconds: 230 } }
  : {};
const ELSEWHERE = 'regsync v0.11.5, measured elsewhere';

export type RowName = 'bareSix' | 'bareWhole' | 'six' | 'whole' | 'layers10' | 'layers1000' | 'skopeo';

/** As a list; only of what was measured. */
export function describeRatios(results: ReadonlyMap<RowName, Measured>): string {
  const at = (name: RowName) => results.get(name);
  const lines = [
    compare('wharf to the bare pusher, six (without the delay)', at('six'), at('bareSix')),
    compare('wharf to the bare pusher, whole', at('whole'), at('bareWhole')),
    compare('wharf to skopeo, six', at('six'), at('skopeo')),
    compare(`wharf to ${ELSEWHERE}, six`, at('six'), REGSYNC.six),
    compare(`wharf to ${ELSEWHERE}, whole`, at('whole'), REGSYNC.whole),
    growth('layers x 10', at('layers10'), at('six')),
    growth('layers x 1000', at('layers1000'), at('six')),
  ];
  return lines
    .flatMap((line) => line ?? [])
    .map((line) => `- ${line}`)
    .join('\n');
}

type Compared = Pick<Measured, 'seconds'> & Partial<Measured>;

function compare(title: string, ours?: Compared, theirs?: Compared): string | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  const figures = [
    proportion(ours.seconds, theirs.seconds, 'of the time'),
    proportion(cpuOf(ours), cpuOf(theirs), 'of the CPU time of program and registry'),
    proportion(ours.manifestGets, theirs.manifestGets, 'of the counted GETs'),
  ];
  return `${title}: ${figures.filter((figure) => figure !== undefined).join(', ')}`;
}

/** Steadier than seconds where others use the machine too. */
function cpuOf({ cpuSeconds, registryCpuSeconds }: Compared): number | undefined {
  return cpuSeconds === undefined || registryCpuSeconds === undefined ? undefined : cpuSeconds + registryCpuSeconds;
}

function growth(title: string, large?: Measured, small?: Measured): string | undefined {
  const figure = proportion(large?.peakBytes, small?.peakBytes, 'of that with small ones');
  return figure === undefined ? undefined : `peak memory with ${title}: ${figure}`;
}

function proportion(ours: number | undefined, theirs: number | undefined, words: string): string | undefined {
  return ours === undefined || theirs === undefined ? undefined : `${(ours / theirs).toFixed(2)} ${words}`;
}
