import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { neededHosts } from './needed-hosts.ts';

/** A plain list for firewalls and for proxies without rules. */
export function hosts({ upstreams }: ClientSetup): ClientConfiguration {
  const blocks = upstreams.map(
    (upstream) =>
      `\n# ${upstream.name}\n${neededHosts(upstream)
        .map((host) => `${host}\n`)
        .join('')}`,
  );
  const head = comment(
    'hosts',
    'One host a line; *.example.com is all below it. All by https, but where a port is given.',
  );
  return {
    files: [{ path: 'hosts.txt', format: 'hosts', text: head + blocks.join('') }],
    reload: [],
    remarks: ['Registries move their storage: when a pull hangs after the manifest, look where it was redirected to.'],
    trial: 'curl -sI https://registry-1.docker.io/v2/',
  };
}
