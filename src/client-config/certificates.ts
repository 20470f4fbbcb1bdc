import type { ClientSetup, SetupUpstream } from './client-setup.ts';
import { placeOf } from './endpoint-place.ts';
import { shellWord } from './quoted.ts';

/** The hosts whose certificates the setup's own authority signed: all endpoints that are reached by https. */
export function hostsWithOwnCa(setup: ClientSetup): string[] {
  if (setup.caFile === undefined) return [];
  const places = placesOf(setup.upstreams).filter(({ isPlainHttp }) => !isPlainHttp);
  return [...new Set(places.map(({ host }) => host))];
}

/** For clients that look for a host's authority in a folder of that host: `FOLDER/HOST/ca.crt`. */
export function installCertificates(setup: ClientSetup, folder: string): string[] {
  const { caFile } = setup;
  if (caFile === undefined) return [];
  return hostsWithOwnCa(setup).map(
    (host) => `install -D -m 644 ${shellWord(caFile)} ${shellWord(`${folder}/${host}/ca.crt`)}`,
  );
}

export function placesOf(upstreams: readonly SetupUpstream[]) {
  return upstreams.flatMap((upstream) => upstream.endpoints.map((endpoint) => placeOf(endpoint, upstream)));
}
