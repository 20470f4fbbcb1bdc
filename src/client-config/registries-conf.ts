// registries.conf(5), which podman, skopeo, buildah and CRI-O share: mirrors by name, without a scheme.
import { installCertificates } from './certificates.ts';
import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { namedPlaces } from './named-places.ts';
import { nameThere } from './endpoint-place.ts';
import { tomlString } from './quoted.ts';
import { sampleImage } from './sample-image.ts';

export function podman(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  return dropIn('podman', `podman pull ${sampleImage(setup)}`, setup, options);
}

// Tags would be listed by the registry itself: mirrors are for reading an image.
export function skopeo(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  return dropIn('skopeo', `skopeo inspect --no-tags docker://${sampleImage(setup)}`, setup, options);
}

export function buildah(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  return dropIn('buildah', `buildah pull ${sampleImage(setup)}`, setup, options);
}

export function crio(setup: ClientSetup): ClientConfiguration {
  return dropIn('crio', `crictl pull ${sampleImage(setup)}`, setup, {}, ['systemctl reload crio']);
}

function dropIn(
  client: string,
  trial: string,
  setup: ClientSetup,
  { userConfigFolder: own }: ClientOptions,
  reload: readonly string[] = [],
): ClientConfiguration {
  const { upstreams, remarks } = namedPlaces(setup, client);
  const folder = `${own ?? '/etc'}/containers`;
  const registries = upstreams.map(({ name, places }) => {
    const mirrors = places.map((place) =>
      [
        '\n[[registry.mirror]]',
        `location = ${tomlString(nameThere(place))}`,
        // Without TLS, or with a certificate that is not checked: there is no word for the former alone.
        ...(place.isPlainHttp ? ['insecure = true'] : []),
      ].join('\n'),
    );
    return `\n[[registry]]\nprefix = ${tomlString(name)}\nlocation = ${tomlString(name)}\n${mirrors.join('\n')}\n`;
  });
  const head = comment(
    client,
    'Mirrors are asked from the first to the last; what none of them has, or answers to, is asked of the registry itself.',
    'podman, skopeo, buildah and CRI-O all read this file. An entry here takes the place of one with the same prefix in registries.conf.',
    reload.length === 0 ? 'Nothing has to be restarted: it is read at each pull.' : `To apply: ${reload.join(' && ')}`,
  );
  return {
    files: [
      {
        path: `${folder}/registries.conf.d/wharf.conf`,
        format: 'toml',
        text: head + registries.join(''),
      },
    ],
    reload: [...installCertificates(setup, `${folder}/certs.d`), ...reload],
    remarks: [
      `When no mirror has an image or answers, ${client} goes to the registry of its name.`,
      'An entry for the same registry in registries.conf, with mirrors of its own, is no longer read.',
      ...(own === undefined && client !== 'crio'
        ? [
            'Users with a registries.conf of their own do not read this file, but the folder registries.conf.d beside theirs.',
          ]
        : []),
      ...remarks,
    ],
    trial,
  };
}
