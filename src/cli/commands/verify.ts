import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { type Command, Option } from '@commander-js/extra-typings';
import { systemClock } from '../../async/clock.ts';
import { buildCatalog, buildSelection } from '../../app/build-job.ts';
import { withMirrors } from '../../app/build-verification-mirrors.ts';
import { FileRecord } from '../../app/build-verification-record.ts';
import { type VerificationRequest, buildVerification } from '../../app/build-verification.ts';
import type { Session } from '../../app/session.ts';
import type { CatalogConfig, Config, SyncJobConfig } from '../../config/config.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { DOCKER_HUB } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { DEPTHS } from '../../verify/compare-images.ts';
import { type MirrorPlace, parseMirrorPlace } from '../../verify/mirror-places.ts';
import { type VerifyReport, exitCodeOfReport, linesOf, tableOf } from '../../verify/report.ts';
import { verifyMirrors } from '../../verify/verify-mirrors.ts';
import { loadConfig, openSessionOf } from '../open-session.ts';
import { formatDuration, plural } from '../output/format.ts';
import { formatTable } from '../output/table.ts';
import { VerifyProgress } from '../output/verify-progress.ts';
import { type CatalogFlags, addSelection, catalogsFromFlags, namesImages, selectionFromFlags } from '../sync-flags.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';

interface Flags extends CatalogFlags {
  readonly all?: true | undefined;
  readonly from?: string | undefined;
  readonly job?: string | undefined;
  readonly depth: (typeof DEPTHS)[number];
  readonly sample?: string | undefined;
  readonly seed?: string | undefined;
  readonly resume?: string | undefined;
  readonly plainHttp?: true | undefined;
  readonly deferredOk?: true | undefined;
  readonly config?: string | undefined;
  readonly json?: true | undefined;
}

/** `wharf verify`: whether mirrors have what the authority says, tag by tag, and as deep as is asked for. */
export function addVerifyCommand(program: Command, context: CommandContext): void {
  addSelection(program.command('verify'))
    .description('Compare mirrors with the authority: do tags mean the same there, and are the bytes the same')
    .argument('[mirrors...]', 'HOST, HOST/PREFIX/, HOST/TEMPLATE, http://HOST, or store:; with --job, its targets')
    .option('--all', 'all that the mirrors hold, by their own lists; --include narrows it')
    .option('--from <upstream>', 'whose images --all means: docker.io, unless another one is the default')
    .option('--job <name>', 'the images of a job in the configuration, at its targets where no mirror is named')
    .addOption(
      new Option('--depth <depth>', 'tags; manifests of each platform; layers, if they are there; or all their bytes')
        .choices(DEPTHS)
        .default('tags' as const),
    )
    .option('--sample <number>', 'only so many tags, chosen by chance')
    .option('--seed <text>', 'chooses the same sample again')
    .option('--resume <file>', 'keep what was compared in this file, and go on from there the next time')
    .option('--plain-http', 'talk http to mirrors that are named without a scheme')
    .option('--deferred-ok', 'exit 0, not 3, when a limit left a part of it uncompared')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .addHelpText('after', EXAMPLES)
    .action((mirrors, flags) => runVerify(mirrors, flags, context));
}

const EXAMPLES = `
Examples:
  wharf verify mirror.example.com --images nginx:1.27,redis:7
  wharf verify mirror.gcr.io docker.m.daocloud.io --library --sample 200
  wharf verify localhost:5000 --library --depth bytes          a sync target, to the last byte
  wharf verify --job library                                   that job's targets
  wharf verify store: --all --depth manifests                  all that our store holds of docker.io

No pull is spent: what a tag means is asked without one, and content is asked of the mirrors alone. A cache that
lacks what is asked for below the tags fetches it, though.
Exit codes: 0 all is the same; 1 something is not, a line each; 2 wrong usage; 3 a limit left a part uncompared.
`;

async function runVerify(mirrors: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const config = loadConfig(flags, terminal);
  const job = flags.job === undefined ? undefined : jobNamed(flags.job, config);
  const places = placesOf(mirrors, job, config, flags);
  await using session = openSessionOf(withMirrors(config, places), terminal);
  const choice = await chooseImages(job, flags, session, terminal);
  const sample = sampleOf(flags);
  using record = openRecord(flags, choice.selection, terminal);
  using progress = new VerifyProgress({ terminal, now: Date.now, isQuiet: flags.json === true });
  const built = await buildVerification({
    ...choice,
    places,
    session,
    sample,
    record,
    depth: flags.depth,
    since: flags.since,
    signal,
  });
  for (const notice of built.notices) terminal.err(`note: ${notice}\n`);
  for (const { file, line, message } of built.problems) {
    terminal.err(`wharf: ${line === undefined ? file : `${file}:${line}`}: ${message}\n`);
  }
  const compared = await verifyMirrors(built.verification, { clock: systemClock, signal, onEvent: progress.onEvent });
  progress[Symbol.dispose]();
  const report: VerifyReport = { ...compared, ...(sample !== undefined && { sample }) };
  if (flags.json === true) printJson(terminal, report);
  else printReport(report, terminal);
  const code = exitCodeOfReport(report);
  if (built.problems.length > 0) context.exitWith(1);
  else if (code !== 3 || flags.deferredOk !== true) context.exitWith(code);
}

function jobNamed(name: string, { sync }: Config): SyncJobConfig {
  const job = sync.find((candidate) => candidate.name === name);
  if (job !== undefined) return job;
  const names = sync.map((known) => known.name).join(', ');
  throw new UsageError(`there is no job "${name}"; there are ${names === '' ? 'none' : names}`);
}

function placesOf(
  mirrors: readonly string[],
  job: SyncJobConfig | undefined,
  config: Config,
  { plainHttp }: Flags,
): readonly MirrorPlace[] {
  if (mirrors.length > 0) {
    return [...new Set(mirrors)].map((text) => parseMirrorPlace(text, config, plainHttp === true));
  }
  if (job === undefined)
    throw new UsageError('no mirror: name one, such as `wharf verify mirror.example.com --library`');
  return job.to.map((target): MirrorPlace => {
    if (target.kind === 'store') return { kind: 'store', name: 'store:' };
    const { endpoint, repository } = target;
    const mirror = { ...endpoint, repository, repositories: ['**'], for: ['manifests', 'blobs'] as const };
    return { kind: 'registry', name: new URL(endpoint.url).host, mirror, isForPublic: false };
  });
}

async function chooseImages(
  job: SyncJobConfig | undefined,
  flags: Flags,
  session: Session,
  terminal: Terminal,
): Promise<Pick<VerificationRequest, 'images' | 'selection'>> {
  const given = [flags.all && '--all', job && '--job', namesImages(flags) ? 'a selection of images' : undefined];
  const named = given.filter((flag) => flag !== undefined);
  if (named.length > 1) throw new UsageError(`${named.join(' and ')} exclude each other; name one`);
  if (named.length === 0) {
    throw new UsageError('no images: add --images NAMES, --file LIST, --library, --job NAME, or --all that is there');
  }
  if (flags.from !== undefined && flags.all !== true) {
    throw new UsageError('--from goes with --all; other selections say themselves whose images they mean');
  }
  const narrowing = [flags.include, flags.exclude, flags.platform].some((flag) => flag !== undefined);
  if (job !== undefined && narrowing) {
    throw new UsageError('--job chooses as its job does; leave out --include, --exclude and --platform');
  }
  const selection = await buildSelection(job ?? selectionFromFlags(flags));
  const open = ({ upstream, catalog }: { readonly upstream: string; readonly catalog: CatalogConfig }) => ({
    upstream,
    catalog: buildCatalog(catalog, upstream, session, selection),
  });
  if (job !== undefined) return { images: [open({ upstream: job.from, catalog: job.catalog })], selection };
  if (flags.all === true) {
    if (flags.since !== undefined) throw new UsageError('--since needs a catalog with a history; --all has none');
    return { images: { heldOf: flags.from ?? session.config.defaultUpstream ?? DOCKER_HUB }, selection };
  }
  const catalogs = await catalogsFromFlags(flags, terminal);
  return { images: catalogs.map(open), selection };
}

function sampleOf({ sample, seed }: Flags): VerificationRequest['sample'] {
  if (sample === undefined) {
    if (seed !== undefined) throw new UsageError('--seed goes with --sample');
    return undefined;
  }
  const tags = Number(sample);
  if (/^\d{1,9}$/.test(sample) && tags > 0) return { tags, seed: seed ?? randomUUID() };
  throw new UsageError(`"${sample}" is no number of tags; write --sample 200`);
}

function openRecord(
  { resume }: Flags,
  { platforms }: VerificationRequest['selection'],
  { workingFolder }: Terminal,
): FileRecord | undefined {
  if (resume === undefined) return undefined;
  const file = path.resolve(workingFolder, resume);
  return new FileRecord({ file, now: Date.now, platforms: platforms.map(formatPlatform).sort().join() });
}

function printReport(report: VerifyReport, terminal: Terminal): void {
  const { headings, rows } = tableOf(report);
  terminal.out(formatTable(headings, rows));
  const lines = linesOf(report);
  if (lines.length > 0) terminal.out(`\n${lines.map((line) => `${line}\n`).join('')}`);
  const { wanted, pending, deferred, failed } = report.tags;
  const skipped = report.mirrors.reduce((sum, mirror) => sum + mirror.skipped, 0);
  const rest = [
    ...(skipped > 0 ? [`${plural(skipped, 'comparison')} left out`] : []),
    ...(pending > 0 ? [`${plural(pending, 'tag')} the authority does not have`] : []),
    ...(deferred > 0 ? [`${plural(deferred, 'tag')} deferred, as the authority limits us`] : []),
    ...(failed > 0 ? [`${plural(failed, 'tag')} that the authority did not resolve`] : []),
    ...(report.sample === undefined ? [] : [`a sample, --seed ${report.sample.seed}`]),
  ];
  terminal.err(`${[plural(wanted, 'tag'), ...rest, formatDuration(report.seconds)].join('; ')}\n`);
}
