// The selection of bundles and dumps: images by name, by list, or of a catalog, as copies and syncs take them.
import path from 'node:path';
import { buildSelection } from '../app/build-job.ts';
import { type WantedImages, findImages } from '../app/bundle-selection.ts';
import type { SourceImage } from '../app/copy-sources.ts';
import { ImagePlaces } from '../app/image-places.ts';
import type { Session } from '../app/session.ts';
import { parseImageLocation } from '../config/image-location.ts';
import { UsageError } from '../oci/usage-error.ts';
import { endpointOf } from './registry-argument.ts';
import { type CatalogFlags, catalogsFromFlags, namesImages, selectionFromFlags } from './sync-flags.ts';
import type { CommandContext, Terminal } from './terminal.ts';

export interface SelectionFlags extends CatalogFlags {
  readonly plainHttp?: true | undefined;
  readonly config?: string | undefined;
}

/** Throws UsageError when nothing is named. */
export async function wantedImages(
  words: readonly string[],
  flags: SelectionFlags,
  terminal: Terminal,
): Promise<WantedImages> {
  if (words.length === 0 && !namesImages(flags)) {
    throw new UsageError('nothing is named; name images, or a list with --file, or all of a catalog with --library');
  }
  return {
    locations: words.map(parseImageLocation),
    catalogs: namesImages(flags) ? await catalogsFromFlags(flags, terminal) : [],
    selection: await buildSelection(selectionFromFlags(flags)),
  };
}

interface Finding {
  readonly session: Session;
  readonly flags: SelectionFlags;
  readonly context: CommandContext;
  readonly scratch: () => Promise<string>;
}

/** Says what of a catalog could not be read. Throws UsageError when nothing is left of the selection. */
export async function findSelected(
  wanted: WantedImages,
  { session, flags, context: { terminal, signal }, scratch }: Finding,
): Promise<{ readonly images: readonly SourceImage[]; readonly hasProblems: boolean }> {
  const resolvePath = (relative: string) => path.resolve(terminal.workingFolder, relative);
  const endpointAt = (registry: string) => endpointOf(registry, session.config, flags);
  const places = new ImagePlaces({ session, endpointOf: endpointAt, resolvePath });
  const options = { session, places, env: terminal.env, resolvePath, scratch, signal };
  const { images, problems, notices } = await findImages(wanted, options);
  for (const notice of notices) terminal.err(`note: ${notice}\n`);
  for (const { file, line, message } of problems) {
    terminal.err(`wharf: ${line === undefined ? file : `${file}:${line}`}: ${message}\n`);
  }
  if (images.length === 0) throw new UsageError('nothing is selected; wharf catalog shows what a selection means');
  return { images, hasProblems: problems.length > 0 };
}
