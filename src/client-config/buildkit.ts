import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { nameThere } from './endpoint-place.ts';
import { namedPlaces } from './named-places.ts';
import { tomlArray, tomlString } from './quoted.ts';

/** buildkitd.toml. A mirror is `host/path`, and the path goes behind `/v2`, other than in containerd. */
export function buildkit(setup: ClientSetup, { userConfigFolder = '/etc' }: ClientOptions): ClientConfiguration {
  const { upstreams, remarks } = namedPlaces(setup, 'buildkit');
  // One table a registry: a mirror's host may be an upstream as well.
  const tables = new Map<string, string[]>();
  const linesOf = (registry: string) => tables.get(registry) ?? tables.set(registry, []).get(registry) ?? [];
  for (const { name, places } of upstreams) linesOf(name).push(`mirrors = ${tomlArray(places.map(nameThere))}`);
  for (const { host, isPlainHttp } of upstreams.flatMap(({ places }) => places)) {
    const line = isPlainHttp
      ? 'http = true'
      : setup.caFile === undefined
        ? undefined
        : `ca = ${tomlArray([setup.caFile])}`;
    if (line !== undefined && !linesOf(host).includes(line)) linesOf(host).push(line);
  }
  const head = comment(
    'buildkit',
    'Mirrors are asked from the first to the last; what none of them has, or answers to, is asked of the registry itself.',
    'To apply: systemctl restart buildkit, or docker buildx create --driver docker-container --buildkitd-config FILE',
  );
  const blocks = [...tables].map(
    ([name, lines]) => `\n[registry.${tomlString(name)}]\n${lines.map((line) => `  ${line}\n`).join('')}`,
  );
  return {
    files: [{ path: `${userConfigFolder}/buildkit/buildkitd.toml`, format: 'toml', text: head + blocks.join('') }],
    reload: ['systemctl restart buildkit'],
    remarks: [
      'When no mirror has an image or answers, buildkitd goes to the registry of its name.',
      "The builder that is part of docker follows dockerd's configuration, not this file.",
      ...(setup.caFile === undefined
        ? []
        : [
            'Tokens are fetched by buildctl or docker, not by buildkitd: where the mirror asks for a login, they need the certificate as well.',
          ]),
      ...remarks,
    ],
    trial: "printf 'FROM busybox\\n' | docker buildx build -",
  };
}
