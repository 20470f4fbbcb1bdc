import type { ClientConfiguration, ClientOptions } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { dockerMirrors } from './docker-mirrors.ts';
import { loopbackRemark } from './k3d.ts';
import { shellWord } from './quoted.ts';

/** minikube has no file for this: a script that starts it with the flags. */
export function minikube(setup: ClientSetup, options: ClientOptions): ClientConfiguration {
  // The version is minikube's own; the docker in its node is newer than 25.
  const { urls, remarks } = dockerMirrors(setup, { ...options, clientVersion: undefined });
  const head = comment(
    'minikube',
    'When no mirror answers, the node goes to Docker Hub by itself.',
    'Mirrors are for a new profile only: run minikube delete first, if there is one. Further flags are passed on.',
  );
  const flags = [
    ...urls.map((url) => `--registry-mirror=${shellWord(url)}`),
    ...(setup.caFile === undefined ? [] : ['--embed-certs']),
    '"$@"',
  ];
  return {
    files: [
      {
        path: 'minikube.sh',
        format: 'shell',
        text: `#!/bin/sh\n${head}set -eu\n${trust(setup.caFile)}exec minikube start \\\n  ${flags.join(' \\\n  ')}\n`,
      },
    ],
    reload: ['sh minikube.sh'],
    remarks: [...remarks, ...loopbackRemark(setup, 'host.minikube.internal')],
    trial: 'minikube image pull busybox',
  };
}

// minikube brings certificates from this folder into its nodes.
function trust(caFile: string | undefined): string {
  if (caFile === undefined) return '';
  return `mkdir -p "$HOME/.minikube/certs"\ncp -- ${shellWord(caFile)} "$HOME/.minikube/certs/wharf-ca.pem"\n`;
}
