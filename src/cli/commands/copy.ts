import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { createMissingProjects } from '../../app/copy-projects.ts';
import { openDestination } from '../../app/copy-destinations.ts';
import { type PairedDestination, copyImages, pairImages } from '../../app/copy-images.ts';
import type { CopyOutcome } from '../../app/copy-outcome.ts';
import { type SourceImage, findSources, pullsLeftOf } from '../../app/copy-sources.ts';
import { ImagePlaces } from '../../app/image-places.ts';
import { planCopies } from '../../app/plan-copies.ts';
import { ScratchFolders } from '../../app/scratch-folders.ts';
import type { Platform } from '../../oci/platform.ts';
import { collect } from '../collect.ts';
import { type CopyFlags, onlyPlatformOf, readCopyArguments } from '../copy-arguments.ts';
import { loadConfig, openSession } from '../open-session.ts';
import { describeCopy, describePlan, describeTotals } from '../output/copy-lines.ts';
import { plural } from '../output/format.ts';
import { Progress } from '../output/progress.ts';
import { endpointOf } from '../registry-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

interface Flags extends CopyFlags {
  readonly referrers?: boolean | undefined;
  readonly createProjects?: true | undefined;
  readonly dryRun?: true | undefined;
  readonly plainHttp?: true | undefined;
  readonly config?: string | undefined;
  readonly json?: true | undefined;
}

/** `wharf copy`: images from here to there. */
export function addCopyCommand(program: Command, context: CommandContext): void {
  program
    .command('copy')
    .description('Copy images between registries, the store, image layouts, archives and the docker daemon')
    .argument('[images...]', 'SOURCE… DESTINATION; with --to all of them are sources')
    .option('--to <destination>', 'where to (repeat)', collect)
    .option('--file <list>', 'further sources from a list, one a line; - reads the standard input')
    .option('--platform <platform>', 'only this platform, such as linux/arm64 (repeat)', collect)
    .option('--referrers', 'bring along what refers to the images, from upstreams too: signatures, attestations')
    .option('--no-referrers', 'leave it behind')
    .option('--create-projects', 'at a Harbor, make the private projects that it lacks')
    .option('--dry-run', 'say what would be copied, and copy nothing')
    .option('--plain-http', 'talk http to registries that are named without a scheme')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .addHelpText('after', COPY_HELP)
    .action((words, flags) => runCopy(words, flags, context));
}

const COPY_HELP = `
Sources:
  nginx:1.27  ghcr.io/o/app@sha256:…  http://old:5000/x   an image of a registry; without a tag it is latest
  'http://old:5000/**'  'reg.example.com/team/*:v1.*'     all that match: * is anything but a slash, ** anything
  store:NAME[:TAG|@DIGEST]  'store:**'                    of our own store
  oci:DIR[:TAG]                                           of an OCI image layout
  docker-archive:FILE[:NAME]                              of what docker save wrote; all images where none is named
  docker-daemon:NAME                                      of the docker daemon of this machine

Destinations:
  reg.example.com/xxx/         a prefix: nginx:1.27 becomes xxx/nginx:1.27, jenkins/slave xxx/jenkins/slave:latest
  reg.example.com/xxx/web:2    one name; without a tag the source's
  reg.example.com  store:      the paths that images have at their source: library/nginx
  oci:DIR[:TAG]  docker-archive:FILE[:NAME]  docker-daemon:[NAME]
Names may use {repository}, {name}, {tag} and {upstream}. An archive that exists is not written to.
A folder with a colon in its name has a slash behind it: oci:./a:b/

Examples:
  wharf copy nginx:1.24 jenkins/slave reg.example.com/xxx/
  wharf copy 'http://old:5000/**' https://new.example.com
  wharf copy --file images.list --to store: --to reg.example.com/mirror/
  wharf copy alpine:3.22 docker-archive:alpine.tar --platform linux/arm64
`;

async function runCopy(words: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const { sources, destinations, platforms, problems } = await readCopyArguments(words, flags, terminal);
  for (const problem of problems) terminal.err(`wharf: ${problem}; the rest is copied\n`);
  const { upstreams, dataFolder } = loadConfig(flags, terminal);
  const spendsPulls = sources.some((source) => source.kind === 'registry' && upstreams.has(source.registry));
  await using session = openSession(flags, terminal, { mayRemember: spendsPulls && flags.dryRun !== true });
  await using folders = new ScratchFolders(dataFolder);
  const resolvePath = (relative: string) => path.resolve(terminal.workingFolder, relative);
  const endpointAt = (registry: string) => endpointOf(registry, session.config, flags);
  const options = {
    session,
    places: new ImagePlaces({ session, endpointOf: endpointAt, resolvePath }),
    env: terminal.env,
    resolvePath,
    scratch: () => folders.make(),
    onlyPlatform: () => onlyPlatformOf(platforms),
    signal,
  };
  const opened = [];
  for (const destination of destinations) opened.push(await openDestination(destination, options));
  const images = await findSources(sources, options);
  const paired = pairImages(images, opened);
  const copying = { platforms, flags, context, scratch: options.scratch };
  // Said last: it wins over what was deferred.
  const sayProblems = () => void (problems.length > 0 && context.exitWith(1));
  if (flags.dryRun === true) {
    await printPlan(images, paired, copying);
    sayProblems();
    return;
  }
  if (flags.createProjects === true) {
    const creatorAt = (registry: string) => session.projects(endpointAt(registry));
    const notices = await createMissingProjects(paired, creatorAt, { signal });
    for (const notice of notices) terminal.err(`note: ${notice}\n`);
  }
  await copyAndReport(images, paired, copying);
  sayProblems();
}

interface Copying {
  readonly platforms: readonly Platform[];
  readonly flags: Flags;
  readonly context: CommandContext;
  readonly scratch: () => Promise<string>;
}

async function copyAndReport(
  images: readonly SourceImage[],
  paired: readonly PairedDestination[],
  { platforms, flags: { json, referrers: withReferrers }, context, scratch }: Copying,
): Promise<void> {
  const { terminal, signal } = context;
  const startedMs = Date.now();
  const outcomes: CopyOutcome[] = [];
  {
    using progress = new Progress({ terminal, now: Date.now, pullsLeft: pullsLeftOf(images) });
    const onOutcome = (outcome: CopyOutcome) => {
      outcomes.push(outcome);
      if (json === true || outcome.message !== undefined) return;
      progress.makeRoom();
      terminal.out(describeCopy(outcome));
      const { referrers = 0 } = outcome;
      if (referrers > 0)
        terminal.out(`  with ${plural(referrers, 'manifest')} that ${referrers === 1 ? 'refers' : 'refer'} to it\n`);
    };
    await copyImages(images, paired, {
      platforms,
      scratch,
      withReferrers,
      signal,
      onEvent: progress.onEvent,
      onOutcome,
    });
  }
  if (json === true) printJson(terminal, { version: 1, copies: outcomes });
  else terminal.out(describeTotals(outcomes, (Date.now() - startedMs) / 1000));
  if (outcomes.some(({ outcome }) => outcome === 'failed')) context.exitWith(1);
  else if (outcomes.some(({ outcome }) => outcome === 'deferred')) context.exitWith(3);
}

async function printPlan(
  images: readonly SourceImage[],
  paired: readonly PairedDestination[],
  { platforms, flags: { json }, context }: Copying,
): Promise<void> {
  const { terminal, signal } = context;
  const copies = await planCopies(images, paired, { platforms, signal });
  if (json === true) printJson(terminal, { version: 1, dryRun: true, copies });
  else terminal.out(`${copies.map(describePlan).join('')}${plural(copies.length, 'image')} to copy\n`);
  if (copies.some(({ message }) => message !== undefined)) context.exitWith(1);
}
