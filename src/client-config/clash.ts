import { stringify } from 'yaml';
import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { comment } from './comment.ts';
import { neededHosts } from './needed-hosts.ts';

/** Rules for a proxy of the clash family: what the upstreams need, as a rule set that a configuration can take in. */
export function clash({ upstreams }: ClientSetup): ClientConfiguration {
  const hosts = [...new Set(upstreams.flatMap(neededHosts))];
  const head = comment(
    'clash',
    'A rule set of the behavior classical. When the proxy is down, nothing is asked directly.',
    'To apply: name it under rule-providers, add RULE-SET,wharf,GROUP to the rules, and reload the configuration.',
  );
  return {
    files: [
      {
        path: 'wharf-rules.yaml',
        format: 'yaml',
        text: head + stringify({ payload: hosts.map(ruleOf) }, { lineWidth: 0 }),
      },
    ],
    reload: [],
    remarks: [
      'In the configuration: rule-providers: { wharf: { type: file, behavior: classical, path: ./wharf-rules.yaml } }, and before the other rules: RULE-SET,wharf,PROXY (or another group).',
      'Token servers and registries have to leave by the same exit, or the pull limit of another address is charged: so they are one set.',
    ],
    trial: 'curl -sI --proxy http://127.0.0.1:7890 https://registry-1.docker.io/v2/',
  };
}

// A rule's parts are divided by commas, and no host has one.
function ruleOf(host: string): string {
  const name = host.replace(/:\d+$/, '');
  if (name.startsWith('*.')) return `DOMAIN-SUFFIX,${name.slice(2)}`;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return `IP-CIDR,${name}/32,no-resolve`;
  return name.startsWith('[') ? `IP-CIDR6,${name.slice(1, -1)}/128,no-resolve` : `DOMAIN,${name}`;
}
