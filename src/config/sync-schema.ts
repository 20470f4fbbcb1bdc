import { z } from 'zod';
import { endpointShape } from './endpoint-schema.ts';
import * as scalars from './scalars.ts';
import { listOf, section } from './section.ts';

const OFFICIAL_IMAGES = 'https://github.com/docker-library/official-images.git';

const fileSchema = section('a map with file', {
  file: scalars.path.describe('A list file, one pattern a line.'),
});

/** Checked where it is read, as what can be matched in bounded time is the selection's to know. */
const expression = z
  .string()
  .regex(/^\/[^\r\n\0]{1,200}\/$/)
  .meta({ title: '/regular expression/' });

const catalogSchema = section('a map with officialImages, hub, file, images or registry', {
  officialImages: section('a map with repository and revision', {
    repository: scalars.path.prefault(OFFICIAL_IMAGES).describe('A git URL, or a folder that holds `library/`.'),
    revision: scalars.text
      .optional()
      .describe(
        'A branch, tag or commit; else `master` of the official repository, and of any other its HEAD or the files of a folder as they are.',
      ),
  })
    .optional()
    .describe('The Docker Official Images, as their git repository lists them.'),
  hub: section('a map with namespace', { namespace: scalars.pathComponent.describe('The namespace, such as library.') })
    .optional()
    .describe('All repositories of a namespace, as the web API of the upstream lists them.'),
  file: scalars.path.optional().describe('A list file, such as images.list.'),
  images: listOf('images', scalars.imageLine).optional().describe('The images themselves.'),
  registry: section('a map with url and repositories', {
    url: scalars.registryUrl.describe('The registry whose catalog is read.'),
    repositories: listOf('patterns', scalars.repositoryPattern).prefault(['**']).describe('Which of its repositories.'),
    ...endpointShape,
  })
    .optional()
    .describe("A registry's own catalog."),
})
  .refine((catalog) => Object.values(catalog).filter((kind) => kind !== undefined).length === 1, {
    error: 'expected exactly one of officialImages, hub, file, images and registry',
  })
  .meta({ minProperties: 1, maxProperties: 1 });

const catalogsSchema = z
  .union([catalogSchema, listOf('catalogs', catalogSchema).min(1, { error: 'expected at least one catalog' })], {
    error: 'expected a map with officialImages, hub, file, images or registry, or a list of these',
  })
  .meta({ title: 'map as `sync[].catalog`, or a list of these' });

const selectionSchema = z
  .union(
    [
      listOf(
        'patterns',
        z.union([scalars.selectionPattern, expression, fileSchema], {
          error: 'expected a pattern, a regular expression such as "/^nginx:1\\.2[5-7]/", or a map with file',
        }),
      ),
      fileSchema,
    ],
    { error: 'expected a list of patterns, or a map with file' },
  )
  .meta({ title: 'list of patterns and maps as `include[]`' });

export const targetSettingsSchema = section('a map with a url', {
  url: scalars.registryUrl.describe('The registry to copy to.'),
  repository: scalars.template
    .prefault('{repository}')
    .describe('Where each image goes; a template that ends in a slash is a prefix.'),
  createProjects: scalars.flag.prefault(false).describe('At a Harbor, make the private projects that it lacks.'),
  ...endpointShape,
});

const targetSchema = z.union([scalars.registryWithPrefix, targetSettingsSchema], {
  error: 'expected store, a registry such as registry.example.com/team/, or a map with a url',
});

const semverSchema = z.union([scalars.versionRange, z.record(z.string(), scalars.versionRange)], {
  error: 'expected a range such as ">=1.20", or a map from names to ranges',
});

const platformsSchema = z.union(
  [z.literal('all'), listOf('platforms', scalars.platform).min(1, { error: 'expected at least one platform' })],
  { error: 'expected all, or a list of platforms such as [linux/amd64, linux/arm64]' },
);

export const syncJobSchema = section('a map with name and catalog', {
  name: scalars.jobName.describe('What `wharf sync JOB` calls it.'),
  from: scalars.text
    .optional()
    .describe('The upstream. By default `defaultUpstream`, or the registry that the catalog lists.'),
  catalog: catalogsSchema.describe('What there is to want; of several catalogs all that any of them wants.'),
  include: selectionSchema
    .prefault(['**'])
    .describe('What is wanted: NAME or NAME:TAG patterns, or regular expressions between slashes over NAME:TAG.'),
  exclude: selectionSchema.prefault([]).describe('What is not, even if included; written in the same ways.'),
  semver: semverSchema.optional().describe('Only tags that are versions in this range; one range, or one per NAME.'),
  latestPatch: scalars.flag.prefault(false).describe('Of each minor version of a name only the latest patch.'),
  newest: scalars.count
    .optional()
    .describe(
      'Only so many of each name: the images that were moved last, where the catalog knows, else the newest versions. With semver or latestPatch always versions.',
    ),
  minAge: scalars.duration
    .prefault('0s')
    .describe('Only what has not changed for this long, which the web API of the upstream tells.'),
  maxAge: scalars.durationOrNever
    .prefault('never')
    .describe('Only what has changed within this time, which the web API of the upstream tells.'),
  platforms: platformsSchema.prefault('all').describe('Which platforms of an image are copied.'),
  to: z
    .union([targetSchema, listOf('targets', targetSchema).min(1, { error: 'expected at least one target' })], {
      error: 'expected store, a registry, a map with a url, or a list of these',
    })
    .meta({ title: 'store, registry, map, or a list of these' })
    .prefault('store')
    .describe('Where to: the store of this server, registries, or several of them.'),
  prune: scalars.durationOrNever
    .prefault('never')
    .describe('When tags that left the catalog are removed from the targets.'),
  state: z
    .enum(['data', 'target'], { error: 'expected data or target' })
    .prefault('data')
    .describe('Where the job remembers what it did: the data folder, or the target, for runners that keep nothing.'),
  schedule: scalars.cron.optional().describe('When `wharf serve` runs the job: five cron fields.'),
  timeZone: scalars.timeZone.prefault('UTC').describe('The time zone that the schedule is meant in.'),
  jitter: scalars.duration
    .prefault('0s')
    .describe('Each machine runs the job later than the schedule says, by a part of this that it draws once.'),
});

export type SyncJobInput = z.output<typeof syncJobSchema>;
export type CatalogInput = z.output<typeof catalogSchema>;
export type CatalogsInput = z.output<typeof catalogsSchema>;
export type SelectionInput = z.output<typeof selectionSchema>;
export type TargetInput = z.output<typeof targetSchema>;
