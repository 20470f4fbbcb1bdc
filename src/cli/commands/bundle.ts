import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { applyBundle } from '../../app/apply-bundle.ts';
import type { CopyOutcome } from '../../app/copy-outcome.ts';
import { pullsLeftOf } from '../../app/copy-sources.ts';
import { type BundleReport, createBundle, outputOf } from '../../app/create-bundle.ts';
import { ImagePlaces } from '../../app/image-places.ts';
import { ScratchFolders } from '../../app/scratch-folders.ts';
import { Bundle } from '../../bundle/bundle.ts';
import { parseCopyDestination } from '../../config/copy-destination.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { onlyPlatformOf } from '../copy-arguments.ts';
import { loadConfig, openSession } from '../open-session.ts';
import { describeBundle } from '../output/bundle-lines.ts';
import { describeCopy, describeTotals } from '../output/copy-lines.ts';
import { Progress } from '../output/progress.ts';
import { endpointOf } from '../registry-argument.ts';
import { type SelectionFlags, findSelected, wantedImages } from '../selected-images.ts';
import { addSelection } from '../sync-flags.ts';
import { type CommandContext, printJson } from '../terminal.ts';

interface CreateFlags extends SelectionFlags {
  readonly out: string;
  readonly docker?: true | undefined;
  readonly json?: true | undefined;
  readonly deferredOk?: true | undefined;
}

interface ApplyFlags {
  readonly to: string;
  readonly plainHttp?: true | undefined;
  readonly config?: string | undefined;
  readonly json?: true | undefined;
}

/** `wharf bundle`: images that travel on a disk. */
export function addBundleCommand(program: Command, context: CommandContext): void {
  const bundle = program.command('bundle').description('Carry images to where there is no network');
  const create = addSelection(bundle.command('create'))
    .description('Write images, with all that they need, as an OCI image layout or a tar of it')
    .argument('[images...]', 'images by name, as wharf copy takes its sources: nginx:1.27, store:NAME, patterns')
    .requiredOption('--out <file.tar|dir>', 'a tar, which must not exist, or a folder, which is brought up to date')
    .option('--docker', 'with a manifest.json for docker load: one platform of each image')
    .option('--plain-http', 'talk http to registries that are named without a scheme')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--deferred-ok', 'exit 0, not 3, when the pull budget deferred a part')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .addHelpText('after', CREATE_HELP);
  // A selection knows a --since of its own: what a catalog changed. Here it is what the other side has.
  const since = create.options.find(({ long }) => long === '--since');
  if (since !== undefined) {
    since.flags = '--since <bundle|file>';
    since.description = 'leave out what the other side has: an earlier bundle, its lock file, or a list of digests';
  }
  create.action((images, flags) => runCreate(images, flags, program.version() ?? '', context));
  bundle
    .command('apply')
    .description('Check a bundle, and copy what is in it to the store or to a registry')
    .argument('<bundle>', 'a tar or a folder')
    .option('--to <place>', 'store, HOST, HOST/PREFIX/ or HOST/TEMPLATE', 'store')
    .option('--plain-http', 'talk http to a registry that is named without a scheme')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .action((file, flags) => runApply(file, flags, context));
}

const CREATE_HELP = `
Examples:
  wharf bundle create nginx:1.27 redis:7 --out images.tar
  wharf bundle create 'store:**' --out /media/stick/bundle/
  wharf bundle create --library --exclude '*:*windowsservercore*' --platform linux/amd64 --out library.tar
  wharf bundle create nginx redis --since images.tar --out news.tar
  wharf bundle create alpine:3.22 --docker --out alpine.tar && docker load -i alpine.tar
`;

async function runCreate(
  words: readonly string[],
  flags: CreateFlags,
  version: string,
  context: CommandContext,
): Promise<void> {
  const { terminal, signal } = context;
  if (flags.docker === true && flags.since !== undefined) {
    throw new UsageError('docker load needs all of an image, so --docker and --since exclude each other');
  }
  const resolvePath = (relative: string) => path.resolve(terminal.workingFolder, relative);
  const out = outputOf(flags.out, resolvePath);
  const wanted = await wantedImages(words, flags, terminal);
  await using session = openSession(flags, terminal, { mayRemember: true });
  await using folders = new ScratchFolders(loadConfig(flags, terminal).dataFolder);
  const scratch = () => folders.make();
  const found = await findSelected(wanted, { session, flags, context, scratch });
  const { platforms } = wanted.selection;
  const startedMs = Date.now();
  let report: BundleReport;
  {
    using progress = new Progress({ terminal, now: Date.now, pullsLeft: pullsLeftOf(found.images) });
    report = await createBundle(found.images, {
      session,
      out,
      since: flags.since === undefined ? undefined : { file: resolvePath(flags.since), label: flags.since },
      platforms,
      onlyPlatform: flags.docker === true ? onlyPlatformOf(platforms) : undefined,
      tool: `wharf ${version}`,
      scratch,
      onEvent: progress.onEvent,
      signal,
    });
  }
  const { outcomes, lock } = report;
  if (flags.json === true)
    printJson(terminal, { version: 1, bundle: lock === undefined ? null : out.file, images: outcomes, lock });
  else terminal.out(describeBundle(out.label, report, (Date.now() - startedMs) / 1000));
  const has = (outcome: string) => outcomes.some((each) => each.outcome === outcome);
  if (has('failed') || found.hasProblems) context.exitWith(1);
  else if (has('deferred') && flags.deferredOk !== true) context.exitWith(3);
}

async function runApply(file: string, flags: ApplyFlags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const to = parseCopyDestination(flags.to);
  const resolvePath = (relative: string) => path.resolve(terminal.workingFolder, relative);
  await using bundle = await Bundle.open(resolvePath(file), file);
  await using session = openSession(flags, terminal);
  const endpointAt = (registry: string) => endpointOf(registry, session.config, flags);
  const places = new ImagePlaces({ session, endpointOf: endpointAt, resolvePath });
  const startedMs = Date.now();
  const outcomes: CopyOutcome[] = [];
  {
    using progress = new Progress({ terminal, now: Date.now, pullsLeft: () => undefined });
    const onOutcome = (outcome: CopyOutcome) => {
      outcomes.push(outcome);
      if (flags.json === true || outcome.message !== undefined) return;
      progress.makeRoom();
      terminal.out(describeCopy(outcome));
    };
    await applyBundle(bundle, { session, places, to, signal, onEvent: progress.onEvent, onOutcome });
  }
  if (flags.json === true) printJson(terminal, { version: 1, images: outcomes });
  else terminal.out(describeTotals(outcomes, (Date.now() - startedMs) / 1000));
  if (outcomes.some(({ outcome }) => outcome === 'failed')) context.exitWith(1);
}
