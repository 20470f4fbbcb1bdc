// Every key of the configuration: its form, its default and a sentence. The JSON Schema and docs/config.md come from it.
import { z } from 'zod';
import { accountsSchema } from './accounts-schema.ts';
import { limitsSchema } from './limits-schema.ts';
import * as scalars from './scalars.ts';
import { listOf, section } from './section.ts';
import { webhookSchema } from './notify-schema.ts';
import { syncJobSchema } from './sync-schema.ts';
import { upstreamsSchema } from './upstream-schema.ts';

const cacheSchema = section('a map with maxSize, maxIdle and maxAge', {
  maxSize: scalars.sizeOrUnlimited
    .prefault('200GiB')
    .describe('What was cached goes when the cache is larger, the longest unused first.'),
  maxIdle: scalars.durationOrNever.prefault('30d').describe('What was cached goes when nobody asked for it so long.'),
  maxAge: scalars.durationOrNever.prefault('never').describe('What was cached goes this long after it was fetched.'),
});

const listenSchema = z.union(
  [
    scalars.listenAddress,
    listOf('addresses', scalars.listenAddress).min(1, { error: 'expected at least one address' }),
  ],
  { error: 'expected an address to listen on, such as 127.0.0.1:5000, or a list of them' },
);

export const configSchema = section('a map of settings', {
  listen: listenSchema
    .prefault('127.0.0.1:5000')
    .describe('Where the registry listens: one address or a list of host:port, [::1]:port, :port and unix:/path.'),
  admin: scalars.listenAddressOrOff
    .prefault('127.0.0.1:5001')
    .describe("Where the console, its API, metrics and health listen, or off; never on the registry's listener."),
  tls: section('a map with certificate and key', {
    certificate: scalars.path.describe("A PEM file: the server's certificate, and those that lead to its authority."),
    key: scalars.path.describe('A PEM file: its key, without a passphrase.'),
  })
    .optional()
    .describe('The registry speaks TLS (but not at unix sockets). The files are read again when they change.'),
  data: scalars.path.prefault('./wharf-data').describe('The folder for content and state, on a local disk.'),
  externalUrl: scalars.url.optional().describe('How clients reach the registry, where a proxy is in front of it.'),
  serverNames: listOf('host names', scalars.host)
    .prefault([])
    .describe('Names of this server itself: a client that names one of them as `ns` names no upstream.'),
  trustedProxies: listOf('addresses', scalars.addressRange)
    .prefault([])
    .describe('Addresses of proxies in front, whose X-Forwarded-* headers are believed.'),
  accelRedirect: scalars.internalPath
    .optional()
    .describe(
      'A path of the nginx in front, as it has it for the folder of blobs: it sends those that are on disk itself. ' +
        'For nginx at one of the trustedProxies, where it asks for that.',
    ),
  accounts: accountsSchema
    .optional()
    .describe('Who may log in, and who may do what. Without it there are no accounts, and `anonymous` decides.'),
  anonymous: z
    .enum(['local', 'pull', 'everything'], { error: 'expected local, pull or everything' })
    .prefault('local')
    .describe(
      'Without accounts, what whoever reaches this server may do. local: it has to listen on loopback alone; pull: everybody may pull; everything: everybody may also push to, and delete, what is hosted.',
    ),
  defaultUpstream: scalars.text
    .optional()
    .describe('The upstream of a request that names none, or none. By default docker.io, if it is an upstream.'),
  upstreams: upstreamsSchema
    .optional()
    .describe('The upstreams by the name of their registry, merged with the built-in ones; {} means none at all.'),
  hosted: listOf('patterns', scalars.repositoryPattern)
    .prefault([])
    .describe('Repositories of our own: they can be pushed to and never go upstream.'),
  immutableTags: listOf('patterns', scalars.selectionPattern)
    .prefault([])
    .describe('Tags of hosted repositories that neither move nor go once they are there, as NAME or NAME:TAG.'),
  limits: limitsSchema.prefault({}).describe('What clients may use of this server.'),
  cache: cacheSchema.prefault({}).describe('What is kept of what was fetched for clients.'),
  sync: listOf('jobs', syncJobSchema).prefault([]).describe('The jobs of `wharf sync`.'),
  notify: listOf('webhooks', webhookSchema)
    .prefault([])
    .describe('Who is told how the runs of the jobs ended, and of mirrors that lie.'),
});

export type ConfigInput = z.output<typeof configSchema>;

/** What an editor needs to complete and check a configuration. */
export function configJsonSchema(): z.core.JSONSchema.BaseSchema {
  return { ...z.toJSONSchema(configSchema, { io: 'input' }), title: 'The configuration of Wharf' };
}
