import { type Command, Option } from '@commander-js/extra-typings';
import { buildCatalog, buildSelection } from '../../app/build-job.ts';
import type { Catalog, CatalogImage } from '../../catalog/catalog.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { selectImages } from '../../select/select-images.ts';
import { openSession } from '../open-session.ts';
import { plural } from '../output/format.ts';
import { addSelection, catalogsFromFlags, selectionFromFlags } from '../sync-flags.ts';
import { type CommandContext, printJson } from '../terminal.ts';

const FORMATS = ['images', 'tags', 'names'] as const;

/** `wharf catalog`: what a catalog wants, in forms that every command reads as a list. */
export function addCatalogCommand(program: Command, context: CommandContext): void {
  addSelection(program.command('catalog'))
    .description('List what a catalog wants, one image a line: name:tag1,tag2')
    .addOption(
      new Option('--format <format>', 'images (name:tag1,tag2), tags (name:tag) or names')
        .choices(FORMATS)
        .default('images' as const),
    )
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--json', 'print images with tags and platforms as JSON')
    .action(async (flags) => {
      const { terminal, signal } = context;
      await using session = openSession(flags, terminal);
      const selection = await buildSelection(selectionFromFlags(flags));
      const catalogs = await catalogsFromFlags(flags, terminal);
      const listings = await Promise.all(
        catalogs.map(({ upstream, catalog }) =>
          readCatalog(buildCatalog(catalog, upstream, session, selection), { since: flags.since, signal }),
        ),
      );
      const images = listings.flatMap((listing) => listing.images);
      const problems = listings.flatMap((listing) => listing.problems);
      const { revision, since } = listings[0] ?? {};
      const selected = selectImages(images, selection);
      for (const notice of listings.flatMap((listing) => listing.notices)) terminal.err(`note: ${notice}\n`);
      for (const { file, line, message } of problems) {
        terminal.err(`wharf: ${line === undefined ? file : `${file}:${line}`}: ${message}\n`);
      }
      if (flags.json === true)
        printJson(terminal, {
          version: 1,
          ...(revision && { revision }),
          ...(since && { since }),
          images: selected.map(toJson),
        });
      else
        terminal.out(
          linesOf(selected, flags.format)
            .map((line) => `${line}\n`)
            .join(''),
        );
      terminal.err(`${totals(selected)}${flags.since === undefined ? '' : sinceWhen(flags.since, since)}\n`);
      if (problems.length > 0) context.exitWith(1);
    });
}

/** With `since`, the images are those that are news since then, and the answer says since which commit. */
async function readCatalog(catalog: Catalog, { since, signal }: Call & { readonly since: string | undefined }) {
  if (since !== undefined && catalog.changesSince === undefined) {
    throw new UsageError(`--since needs a history, and there is none of ${catalog.description}; use it with --library`);
  }
  const listing = await catalog.list({ signal });
  if (since === undefined || catalog.changesSince === undefined) return { ...listing, since: undefined };
  const changes = await catalog.changesSince(listing, since, { signal });
  return { ...listing, images: listing.images.filter((image) => changes.images.has(image)), since: changes.since };
}

function linesOf(images: readonly CatalogImage[], format: (typeof FORMATS)[number]): string[] {
  switch (format) {
    case 'images':
      return images.map(({ name, tags }) => `${name}:${tags.join(',')}`);
    case 'tags':
      return images.flatMap(({ name, tags }) => tags.map((tag) => `${name}:${tag}`));
    case 'names':
      return [...new Set(images.map(({ name }) => name))];
  }
}

function toJson({ name, tags, platforms }: CatalogImage) {
  return { repository: name, tags, platforms: platforms.map(formatPlatform) };
}

function totals(images: readonly CatalogImage[]): string {
  const tags = images.reduce((sum, image) => sum + image.tags.length, 0);
  const names = new Set(images.map(({ name }) => name)).size;
  return `${plural(names, 'name')}, ${plural(images.length, 'image')}, ${plural(tags, 'tag')}`;
}

function sinceWhen(asked: string, commit: string | undefined): string {
  return commit === undefined
    ? `: all, for no commit is as old as ${asked}`
    : ` changed since commit ${commit.slice(0, 12)}`;
}
