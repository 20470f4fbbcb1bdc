// Random catalogs, a hub and a target that misbehave at random: whatever happens, the account is right.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JobWorld, startJobWorld } from '../../test/support/client/job-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { readFaults, type ScriptedFault } from '../../test/support/origin/fault-script.ts';
import type { CatalogImage } from '../catalog/catalog.ts';
import { readManifest } from '../oci/manifest.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Counts, JobReport } from './report.ts';

const platforms = fc.subarray(['linux/amd64', 'linux/arm64/v8', 'linux/386'], { minLength: 1 });
const repository = fc.record({
  name: fc.constantFrom('alpine', 'nginx', 'redis', 'team/app'),
  images: fc.array(fc.record({ tags: fc.integer({ min: 1, max: 3 }), platforms }), { minLength: 1, maxLength: 3 }),
  /** Catalog and hub need not agree. */
  isKnown: fc.boolean(),
});
const repositories = fc.uniqueArray(repository, { selector: ({ name }) => name, minLength: 1, maxLength: 3 });

const action = fc.constantFrom<ScriptedFault['action']>(
  ['corruptAt', 7],
  ['html'],
  ['refuse', 'DENIED'],
  ['refuse', 'MANIFEST_UNKNOWN'],
  ['refuse', 'TOOMANYREQUESTS'],
  ['replaceBody', '{"results":[],"tags":["0"]}'],
  ['resetAt', 0],
  ['resetAt', 7],
  ['respond', { status: 401 }],
  ['respond', { status: 429 }],
  ['respond', { status: 500 }],
  ['respond', { status: 507 }],
  ['stripHeader', 'content-type'],
  ['stripHeader', 'docker-content-digest'],
  ['stripHeader', 'location'],
  ['truncateAt', 7],
);
const nth = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 4, max: 40 })),
  fc.constant(undefined),
);
const hubFault: fc.Arbitrary<ScriptedFault> = fc.record({
  when: fc.record({ kind: fc.constantFrom('manifest', 'blob', 'cdn', 'api', 'token'), nth }),
  action,
});
const targetFault: fc.Arbitrary<ScriptedFault> = fc.record({
  when: fc.record({ kind: fc.constantFrom('manifest', 'blob', 'upload', 'mount', 'tags'), nth }),
  action,
});
const scenario = fc.record({
  repositories,
  limit: fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 12 })),
  hubFaults: fc.array(hubFault, { maxLength: 3 }),
  targetFaults: fc.array(targetFault, { maxLength: 2 }),
  targets: fc.integer({ min: 1, max: 2 }),
});

test('the counts add up, what counts as copied is there, and no tag means something incomplete', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ repositories, limit, hubFaults, targetFaults, targets }) => {
      const wanted = repositories.flatMap(imagesOf);
      const known = repositories.filter(({ isKnown }) => isKnown).flatMap(imagesOf);
      await using world = await startJobWorld(known, { hub: { limit, windowSeconds: 3600 }, targets });
      world.hub.faults.add(...readFaults(hubFaults));
      world.targets.at(-1)?.faults.add(...readFaults(targetFaults));
      const catalog = world.job({}, { images: wanted }).catalog;
      const report = await world.run({ catalog }).catch((error: unknown) => error);
      // A target that misbehaves from the start is found out before anything is done.
      if (report instanceof UsageError) {
        expect(targetFaults).not.toEqual([]);
        return;
      }
      checkAccount(report as JobReport, wanted);
      for (const target of world.targets) expect(incompleteTags(target)).toEqual([]);
      checkCopied(world, report as JobReport);

      world.hub.faults.clear();
      for (const { faults } of world.targets) faults.clear();
      for (let window = 0; window < 20; window += 1) {
        world.clock.advance(3_600_000);
        const next = await world.run({ catalog });
        checkAccount(next, wanted);
        expect(next.failures).toEqual([]);
        if (next.images.deferred === 0) break;
      }
      if (limit === undefined) for (const target of world.targets) expect(world.wrongTags(target)).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

function imagesOf({ name, images }: { name: string; images: { tags: number; platforms: string[] }[] }): CatalogImage[] {
  return images.map((image, nth) => {
    const tags = Array.from({ length: image.tags }, (_, tag) => `${nth}.${tag}`);
    return catalogImage(name, tags, image.platforms);
  });
}

function checkAccount({ tags, images, failures }: JobReport, wanted: readonly CatalogImage[]): void {
  const sum = ({ copied, upToDate, pending, deferred, failed }: Counts) =>
    copied + upToDate + pending + deferred + failed;
  expect(tags.wanted).toBe(wanted.reduce((count, image) => count + image.tags.length, 0));
  expect([sum(tags), sum(images)]).toEqual([tags.wanted, images.wanted]);
  expect(failures).toHaveLength(tags.failed);
  expect(new Set(failures.map(({ reference }) => reference)).size).toBe(failures.length);
  for (const { message } of failures) expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
}

// What was asked for and is neither failed, deferred nor pending is on its right digest.
function checkCopied(world: JobWorld, { tags, failures }: JobReport): void {
  const failed = new Set(failures.map(({ reference }) => reference.replace('docker.io/', '')));
  const wrong = new Set(world.targets.flatMap((target) => world.wrongTags(target)));
  const unexplained = [...wrong].filter((tag) => !failed.has(tag));
  expect(unexplained.length).toBeLessThanOrEqual(tags.deferred + tags.pending);
}

/** Tags of the target whose manifest, or one below it, names what is not there. */
function incompleteTags({ content }: JobWorld['target']): string[] {
  const lacks = (name: string, reference: string): boolean => {
    const manifest = content.manifest(name, reference);
    if (manifest === undefined) return true;
    const { content: named } = readManifest(manifest.bytes);
    if (named.kind === 'index') return named.manifests.some(({ digest }) => lacks(name, digest));
    return [named.config, ...named.layers].some(({ digest }) => content.blob(name, digest) === undefined);
  };
  return content
    .repositories()
    .flatMap((name) => (content.tags(name) ?? []).filter((tag) => lacks(name, tag)).map((tag) => `${name}:${tag}`));
}
