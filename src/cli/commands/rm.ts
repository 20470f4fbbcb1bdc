import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { ImagePlaces } from '../../app/image-places.ts';
import { type RemovedImage, removeImage } from '../../app/remove-images.ts';
import { type ImageLocation, parseImageLocation } from '../../config/image-location.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { openSession } from '../open-session.ts';
import { endpointOf } from '../registry-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** `wharf rm`: deletes images from the store, or from a registry. */
export function addRemoveCommand(program: Command, context: CommandContext): void {
  program
    .command('rm')
    .description('Delete tags or images from the store or a registry')
    .argument('<references...>', 'store:NAME:TAG, store:NAME@DIGEST, HOST/NAME:TAG or HOST/NAME@DIGEST')
    .option('--all', 'for a name without tag and digest: all tags and images of the repository')
    .option('--plain-http', 'talk http to a registry that is named without a scheme')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print what was deleted as JSON')
    .addHelpText('after', REMOVE_HELP)
    .action(async (texts, flags) => {
      const { terminal, signal } = context;
      const locations = texts.map((text) => locationOf(text, flags.all === true));
      await using session = openSession(flags, terminal);
      const places = new ImagePlaces({
        session,
        endpointOf: (registry) => endpointOf(registry, session.config, flags),
        resolvePath: (relative) => path.resolve(terminal.workingFolder, relative),
      });
      const removed: RemovedImage[] = [];
      for (const { location, images } of locations) {
        const place = await places.open(location);
        const { repository, ...which } = images;
        const outcomes = await removeImage({ place, repository, which }, session, { signal });
        removed.push(...outcomes);
        if (flags.json !== true) for (const one of outcomes) print(one, context);
      }
      if (flags.json === true) printJson(terminal, { version: 1, removed });
      const isStored = locations.some(({ location }) => location.kind === 'store');
      if (isStored && removed.some(({ outcome }) => outcome === 'deleted')) {
        terminal.err('`wharf gc --untagged` deletes what no tag keeps, and frees the room\n');
      }
      if (removed.some(({ outcome }) => outcome !== 'deleted')) context.exitWith(1);
    });
}

const REMOVE_HELP = `
A tag is taken away and leaves its image, which \`wharf gc --untagged\` deletes; a digest deletes the image with all its
tags. Some registries delete by digest alone, and keep the images that an index holds.
`;

function locationOf(text: string, isAll: boolean) {
  const location = parseImageLocation(text);
  if (location.kind !== 'store' && location.kind !== 'registry') {
    throw new UsageError(`"${text}" is neither in the store nor at a registry; delete the file itself`);
  }
  const { repository, tag, digest, pattern } = location.images;
  if (pattern !== undefined || repository === undefined) {
    throw new UsageError(`"${text}" is a pattern; name what is to be deleted, as \`wharf list\` shows it`);
  }
  const isWhole = tag === undefined && digest === undefined;
  if (isWhole && !isAll) {
    throw new UsageError(`"${text}" names a whole repository; add a tag or a digest, or --all to delete all of it`);
  }
  if (!isWhole && isAll) throw new UsageError(`"${text}" names one image; leave out --all, or its tag`);
  return { location: location satisfies ImageLocation, images: { repository, tag, digest } };
}

function print({ reference, digest, outcome, message }: RemovedImage, { terminal }: CommandContext): void {
  const meant = digest === undefined || reference.endsWith(digest) ? '' : ` (${digest})`;
  if (outcome === 'deleted') terminal.out(`deleted ${reference}${meant}\n`);
  else terminal.err(`wharf: ${reference} was not deleted: ${message ?? 'there is no such image'}\n`);
}
