import path from 'node:path';
import { type Command, Option } from '@commander-js/extra-typings';
import { pullsLeftOf } from '../../app/copy-sources.ts';
import { type DumpReport, dumpManifests } from '../../app/manifest-dump.ts';
import { ScratchFolders } from '../../app/scratch-folders.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { loadConfig, openSession } from '../open-session.ts';
import { formatDuration, plural } from '../output/format.ts';
import { Progress } from '../output/progress.ts';
import { type SelectionFlags, findSelected, wantedImages } from '../selected-images.ts';
import { addSelection } from '../sync-flags.ts';
import { type CommandContext, printJson } from '../terminal.ts';

interface Flags extends SelectionFlags {
  readonly out: string;
  readonly names: (typeof NAMES)[number];
  readonly configs?: true | undefined;
  readonly prune?: true | undefined;
  readonly deferredOk?: true | undefined;
  readonly json?: true | undefined;
}

const NAMES = ['digest', 'tags'] as const;

/** `wharf manifests`: what tags mean, as files. */
export function addManifestsCommand(program: Command, context: CommandContext): void {
  const command = addSelection(program.command('manifests'))
    .description('Write what tags mean to files: the index, and the manifest of each platform, byte for byte')
    .argument('[images...]', 'images by name, as wharf copy takes its sources: nginx:1.27, store:NAME, patterns')
    .option('--out <dir>', 'where to', 'manifests')
    .addOption(
      new Option('--names <how>', 'digest (sha256/HEX.json) or tags (NAME:TAG.json, NAME:TAG@DIGEST.json)')
        .choices(NAMES)
        .default('digest' as const),
    )
    .option('--configs', 'the config of each image too')
    .option('--prune', 'remove what is not selected any more')
    .option('--plain-http', 'talk http to registries that are named without a scheme')
    .option('--config <file>', 'the configuration; else $WHARF_CONFIG, ./wharf.yaml, /etc/wharf/wharf.yaml')
    .option('--deferred-ok', 'exit 0, not 3, when the pull budget deferred a part')
    .option('--json', 'print the report as JSON, and nothing else, on the standard output')
    .addHelpText('after', MANIFESTS_HELP);
  command.action((images, flags) => runManifests(images, flags, context));
}

const MANIFESTS_HELP = `
tags.tsv says what each tag means: NAME:TAG, digest, media type and size. What is there is not fetched again.

Examples:
  wharf manifests nginx:1.27 redis:7
  wharf manifests --library --exclude '*:*windowsservercore*' --names tags --out manifests
  wharf catalog --library --format tags | wharf manifests --file -
`;

async function runManifests(words: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  if (flags.prune === true && flags.since !== undefined) {
    throw new UsageError(
      'what is not selected any more is not known of a part, so --prune and --since exclude each other',
    );
  }
  const wanted = { ...(await wantedImages(words, flags, terminal)), since: flags.since };
  await using session = openSession(flags, terminal, { mayRemember: true });
  await using folders = new ScratchFolders(loadConfig(flags, terminal).dataFolder);
  const found = await findSelected(wanted, { session, flags, context, scratch: () => folders.make() });
  const startedMs = Date.now();
  let report: DumpReport;
  {
    using progress = new Progress({ terminal, now: Date.now, pullsLeft: pullsLeftOf(found.images) });
    report = await dumpManifests(found.images, {
      session,
      out: path.resolve(terminal.workingFolder, flags.out),
      naming: flags.names,
      platforms: wanted.selection.platforms,
      withConfigs: flags.configs === true,
      prune: flags.prune === true,
      onEvent: progress.onEvent,
      signal,
    });
  }
  const seconds = (Date.now() - startedMs) / 1000;
  if (flags.json === true) printJson(terminal, { version: 1, out: flags.out, ...report, seconds });
  else terminal.out(describe(flags.out, report, seconds));
  const { failed, deferred } = report.tags;
  if (failed > 0 || found.hasProblems) context.exitWith(1);
  else if (deferred > 0 && flags.deferredOk !== true) context.exitWith(3);
}

function describe(out: string, { tags, files }: DumpReport, seconds: number): string {
  const parts = (
    [
      ['written', 'written'],
      ['upToDate', 'up to date'],
      ['pending', 'not there yet'],
      ['deferred', 'deferred for want of pulls'],
      ['failed', 'failed'],
    ] as const
  ).flatMap(([key, words]) => (tags[key] === 0 ? [] : `${tags[key]} ${words}`));
  const removed = files.removed === 0 ? '' : `, ${files.removed} removed`;
  const what = `${plural(files.fetched, 'file')} fetched, ${files.present} there before${removed}`;
  return `${out}: ${plural(tags.wanted, 'tag')}: ${parts.join(', ')}; ${what}; ${formatDuration(seconds)}\n`;
}
