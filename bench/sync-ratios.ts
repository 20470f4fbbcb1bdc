// What the figures mean: each against what it has to beat.
import type { Measured } from './sync-runs.ts';

/** regsync v0.11.5, the same two jobs on another machine. */
const REGSYNC = { sixSeconds: 38.6, sixGets: 1311, wholeSeconds: 230 };
const ELSEWHERE = 'regsync v0.11.5, measured elsewhere';

export type RowName = 'bareSix' | 'bareWhole' | 'six' | 'whole' | 'layers10' | 'layers1000' | 'skopeo';

/** As a list; only of what was measured. */
export function describeRatios(results: ReadonlyMap<RowName, Measured>): string {
  const at = (name: RowName) => results.get(name);
  const lines = [
    compare('wharf to the bare pusher, six (without the delay)', at('six'), at('bareSix')),
    compare('wharf to the bare pusher, whole', at('whole'), at('bareWhole')),
    compare('wharf to skopeo, six', at('six'), at('skopeo')),
    compare(`wharf to ${ELSEWHERE}, six`, at('six'), { seconds: REGSYNC.sixSeconds, manifestGets: REGSYNC.sixGets }),
    compare(`wharf to ${ELSEWHERE}, whole`, at('whole'), { seconds: REGSYNC.wholeSeconds }),
    growth('layers x 10', at('layers10'), at('six')),
    growth('layers x 1000', at('layers1000'), at('six')),
  ];
  return lines
    .flatMap((line) => line ?? [])
    .map((line) => `- ${line}`)
    .join('\n');
}

type Compared = Pick<Measured, 'seconds' | 'manifestGets'>;

function compare(title: string, ours?: Compared, theirs?: Compared): string | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  const time = `${ratio(ours.seconds, theirs.seconds)} of the time (${ours.seconds.toFixed(1)} s to ${theirs.seconds.toFixed(1)} s)`;
  if (ours.manifestGets === undefined || theirs.manifestGets === undefined) return `${title}: ${time}`;
  return `${title}: ${time}, ${ratio(ours.manifestGets, theirs.manifestGets)} of the counted GETs (${ours.manifestGets} to ${theirs.manifestGets})`;
}

function growth(title: string, large?: Measured, small?: Measured): string | undefined {
  if (large?.peakBytes === undefined || small?.peakBytes === undefined) return undefined;
  return `peak memory with ${title}: ${ratio(large.peakBytes, small.peakBytes)} of that with small ones`;
}

function ratio(value: number, base: number): string {
  return (value / base).toFixed(2);
}
