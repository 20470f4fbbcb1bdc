// Caddy in front of Wharf: one site for all names, as Wharf itself tells them apart by `Host`.
import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import {
  type FrontServer,
  type FrontServerOptions,
  authorityOf,
  frontServer,
  quotedPath,
  trialOf,
  wharfYaml,
} from './front-server.ts';

const FILE = '/etc/caddy/Caddyfile';

/** A whole Caddyfile. Throws UsageError for a value that cannot stand in it. */
export function caddyConfiguration(setup: ClientSetup, options: FrontServerOptions = {}): ClientConfiguration {
  const front = frontServer(setup, options);
  const { certificate } = options;
  const hasTls = front.names.some(({ protocol }) => protocol === 'https');
  const site = [
    ...(front.bind === undefined ? [] : [`bind ${front.bind}`]),
    ...(certificate === undefined || !hasTls
      ? []
      : [`tls ${quotedPath(certificate.file)} ${quotedPath(certificate.keyFile)}`]),
    proxy(front),
  ];
  const text = `${head(front)}
{
	# Whoever is redirected from http has sent his login in the clear by then, and pushes nothing.
	auto_https disable_redirects
}

${siteAddresses(front)} {
${indented(site.join('\n'))}
}
`;
  return {
    files: [{ path: FILE, format: 'caddyfile', text }],
    reload: [`caddy validate --config ${FILE} --adapter caddyfile`, 'systemctl reload caddy'],
    remarks: [
      'The first lines of the file are what the wharf.yaml of the server behind it has to say.',
      ...(hasTls && certificate === undefined
        ? [
            'Caddy gets certificates itself: the names have to lead to it from the internet, or a line of `tls` has to say whose.',
          ]
        : []),
      'While Wharf is down, Caddy answers 502, and clients that know the registry itself go on to it.',
    ],
    trial: trialOf(front),
  };
}

function head(front: FrontServer): string {
  return ['# Wharf behind Caddy. Its wharf.yaml says:', '#', ...wharfYaml(front).map((line) => `#     ${line}`)].join(
    '\n',
  );
}

function siteAddresses({ names }: FrontServer): string {
  return names.map((name) => `${name.protocol}://${authorityOf(name)}`).join(', ');
}

// Caddy passes Host, Range and bodies as they come, and sets X-Forwarded-For, -Host and -Proto anew.
function proxy({ backend }: FrontServer): string {
  return `reverse_proxy ${backend} {
	flush_interval -1
	header_up X-Real-IP {remote_host}
	header_up -Forwarded
	header_up -X-Sendfile-Type
	transport http {
		compression off
		dial_timeout 10s
		response_header_timeout 900s
		read_timeout 900s
		write_timeout 900s
	}
}`;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '\t');
}
