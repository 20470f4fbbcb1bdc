import { z } from 'zod';
import { endpointShape } from './endpoint-schema.ts';
import * as scalars from './scalars.ts';
import { listOf, section } from './section.ts';

const contentSchema = z.enum(['manifests', 'blobs'], { error: 'expected manifests or blobs' });

const mirrorSchema = section('a map with a url', {
  url: scalars.registryUrl.describe('The mirror.'),
  ...endpointShape,
  repository: scalars.template.prefault('{repository}').describe("Where it keeps the upstream's repositories."),
  repositories: listOf('patterns', scalars.repositoryPattern)
    .prefault(['**'])
    .describe('What it is asked for, by the names that the upstream has.'),
  for: listOf('manifests and blobs', contentSchema)
    .min(1, { error: 'expected manifests, blobs or both' })
    .prefault(['manifests', 'blobs'])
    .describe('What it is asked for. Always by digest: a mirror never says what a tag means.'),
});

export const upstreamSchema = section('a map, or off', {
  url: scalars.registryUrl
    .optional()
    .describe('The registry that decides. By default the one of that name, over https.'),
  repository: scalars.template
    .prefault('{repository}')
    .describe("Where the authority keeps the upstream's repositories."),
  hubApi: scalars.urlOrOff
    .optional()
    .describe(
      'A web API like that of hub.docker.com, which tells digests without a pull. Built in for Docker Hub; or off.',
    ),
  ...endpointShape,
  path: scalars.pathComponent.optional().describe('A first path component that means this upstream, besides its name.'),
  hosts: listOf('host names and ports', scalars.hostOrPort)
    .prefault([])
    .describe('Virtual hosts, or ports as ":5002", that mean this upstream.'),
  public: scalars.flag
    .prefault(false)
    .describe('May what these credentials can read be given to anyone who reaches this server?'),
  repositories: listOf('patterns', scalars.repositoryPattern)
    .prefault(['**'])
    .describe('What may be asked for here at all.'),
  mirrors: listOf('mirrors', mirrorSchema)
    .prefault([])
    .describe('The same content elsewhere, in the order in which it is asked.'),
  freshFor: scalars.duration.prefault('10m').describe('How long a tag needs no new question; 0s asks every time.'),
  staleFor: scalars.duration
    .prefault('30d')
    .describe('How long after that the stored answer still serves while the upstream cannot be asked.'),
  immutable: listOf('patterns', scalars.selectionPattern).prefault([]).describe('Tags that never need asking again.'),
  reserve: scalars.count.prefault(0).describe('Pulls of each window of the pull limit that sync leaves to clients.'),
});

// `off` as YAML 1.2 reads it and as 1.1 does; nothing where every setting is left as it is.
const entrySchema = z.union([z.literal('off'), z.literal(false), z.null(), upstreamSchema], {
  error: 'expected a map, or off',
});

export const upstreamsSchema = z.record(z.string(), entrySchema, {
  error: "expected a map of upstreams by their registry's name",
});

export type UpstreamInput = z.output<typeof upstreamSchema>;
export type MirrorInput = z.output<typeof mirrorSchema>;
