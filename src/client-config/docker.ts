import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { dockerMirrors } from './docker-mirrors.ts';

const TRIAL = 'docker pull busybox';

/** daemon.json, which is JSON: what there is to say stands in the remarks. */
export function docker(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  const { urls, certificates, remarks } = dockerMirrors(setup, options);
  const { userConfigFolder: own } = options;
  return {
    files: [
      {
        path: own === undefined ? '/etc/docker/daemon.json' : `${own}/docker/daemon.json`,
        format: 'json',
        text: `${JSON.stringify({ 'registry-mirrors': urls }, undefined, 2)}\n`,
      },
    ],
    reload: [
      ...certificates,
      // registry-mirrors is among what dockerd reads anew on SIGHUP: no container stops.
      own === undefined ? 'systemctl reload docker' : 'systemctl --user reload docker',
    ],
    remarks: [
      ...remarks,
      'With the containerd image store, a hosts.toml for docker.io in certs.d takes the place of these mirrors.',
      'Docker Desktop has this file in its settings, under Docker Engine, and applies it there.',
    ],
    trial: TRIAL,
  };
}

/** The same as flags of dockerd, in a drop-in of its systemd unit. */
export function dockerdFlags(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  const { urls, certificates, remarks } = dockerMirrors(setup, options);
  const { userConfigFolder: own } = options;
  const flags = urls.map((url) => ` \\\n  --registry-mirror=${url.replaceAll('%', '%%')}`).join('');
  const command =
    own === undefined
      ? '/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock'
      : '/usr/bin/dockerd-rootless.sh';
  const systemctl = own === undefined ? 'systemctl' : 'systemctl --user';
  return {
    files: [
      {
        path:
          own === undefined
            ? '/etc/systemd/system/docker.service.d/wharf.conf'
            : `${own}/systemd/user/docker.service.d/wharf.conf`,
        format: 'systemd',
        text:
          comment(
            'dockerd-flags',
            "The command is that of Docker's own packages; compare it with: systemctl cat docker",
            'When no mirror answers, docker goes to Docker Hub by itself.',
            `To apply: ${systemctl} daemon-reload && ${systemctl} restart docker`,
          ) + `[Service]\nExecStart=\nExecStart=${command}${flags}\n`,
      },
    ],
    reload: [...certificates, `${systemctl} daemon-reload`, `${systemctl} restart docker`],
    remarks: [
      ...remarks,
      'dockerd does not start when registry-mirrors is in daemon.json as well.',
      'The drop-in repeats the command of dockerd, so flags of another drop-in, or of /etc/default/docker, have to be added to it.',
    ],
    trial: TRIAL,
  };
}
