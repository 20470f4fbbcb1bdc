import type { RankedMirror } from '../../verify/probe/rank-mirrors.ts';
import { formatBytes } from './format.ts';
import { formatTable } from './table.ts';

const HEADINGS = ['MIRROR', 'OF', 'STATE', 'HEAD', 'SPEED', 'FRESH', 'HONEST', 'REMARK'];

/** The best first. */
export function formatProbes(mirrors: readonly RankedMirror[]): string {
  return formatTable(HEADINGS, mirrors.map(rowOf));
}

function rowOf(mirror: RankedMirror): readonly string[] {
  const { upstream, state, latencyMs, bytesPerSecond, note, reason } = mirror;
  const remark = reason ?? note ?? '';
  return [
    placeOf(mirror),
    upstream,
    state,
    latencyMs === undefined ? '-' : `${Math.round(latencyMs)} ms`,
    bytesPerSecond === undefined ? '-' : `${formatBytes(bytesPerSecond)}/s`,
    freshnessOf(mirror),
    honestyOf(mirror),
    remark.length > 100 ? `${remark.slice(0, 100)}…` : remark,
  ];
}

function placeOf({ url, repository }: RankedMirror): string {
  const host = url.replace(/^https:\/\//, '');
  return repository === '{repository}' ? host : `${host}/${repository}`;
}

function freshnessOf({ state, fresh, other, missing }: RankedMirror): string {
  const asked = fresh + other + missing;
  if (state !== 'ok' || asked === 0) return '-';
  const lacks = missing === 0 ? '' : `, lacks ${missing}`;
  return `${fresh} of ${asked - missing}${lacks}`;
}

function honestyOf({ lie, honest }: RankedMirror): string {
  if (lie !== undefined) return 'LIES';
  return honest === 0 ? '-' : 'yes';
}
