import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { probeMirrors } from '../../app/probe-mirrors.ts';
import { addMirrorsToConfig, addMirrorsToDaemon } from '../../config/edit-mirrors.ts';
import { DOCKER_HUB, parseReference } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { KNOWN_MIRRORS, PROBE_IMAGES } from '../../verify/probe/known-mirrors.ts';
import {
  type ProbedMirror,
  formatMirrorList,
  parseMirrorArgument,
  parseMirrorList,
} from '../../verify/probe/mirror-list.ts';
import { type RankedMirror, rankMirrors } from '../../verify/probe/rank-mirrors.ts';
import { collect } from '../collect.ts';
import { openSession } from '../open-session.ts';
import { plural } from '../output/format.ts';
import { formatProbes } from '../output/probe-table.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';

interface ProbeFlags {
  readonly file?: string | undefined;
  readonly upstream?: readonly string[] | undefined;
  readonly images?: string | undefined;
}

/** `wharf probe`: which public mirrors are there, how fast, how fresh, how honest. */
export function addProbeCommand(program: Command, context: CommandContext): void {
  program
    .command('probe')
    .description('Measure mirrors: reachable, how fast, how fresh, how honest; the best first')
    .argument('[mirrors...]', 'hosts such as mirror.gcr.io, or UPSTREAM=URL; else the known ones')
    .option('--list', 'print the mirrors, one a line as --file reads them, and measure none')
    .option('--file <file>', 'a list of mirrors instead of the known ones; - is the standard input')
    .option('--upstream <name>', 'only mirrors of this upstream (repeat)', collect)
    .option('--images <list>', 'what to ask for, such as nginx:latest,ghcr.io/owner/app:1')
    .option('--write <file>', 'put the good ones into a wharf.yaml, or into a daemon.json')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the measurements as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (names, flags) => {
      const { terminal, signal } = context;
      const mirrors = await chooseMirrors(names, flags, terminal);
      if (flags.list === true) {
        terminal.out(formatMirrorList(mirrors));
        return;
      }
      await using session = openSession(flags, terminal);
      let done = 0;
      const onProbed = ({ url }: ProbedMirror) => {
        done += 1;
        if (terminal.isInteractive) terminal.err(`${done} of ${mirrors.length}: ${url}\n`);
      };
      const probed = await probeMirrors(session, { mirrors, images: imagesOf(flags.images), onProbed, signal });
      const ranked = rankMirrors(probed);
      if (flags.json === true) printJson(terminal, { version: 1, mirrors: ranked });
      else terminal.out(formatProbes(ranked));
      if (flags.write !== undefined) write(ranked, flags.write, terminal);
      if (!ranked.some(({ isUsable }) => isUsable)) context.exitWith(1);
    });
}

const EXAMPLES = `
HEAD: the time for a tag. SPEED: of a layer. FRESH: tags that mean what their owner says. HONEST: the bytes hash right.
Exit code 1: none of them can be used.

Examples:
  wharf probe                                    the known public mirrors
  wharf probe mirror.gcr.io ghcr.io=https://ghcr.nju.edu.cn
  wharf probe --upstream docker.io --write wharf.yaml
`;

async function chooseMirrors(
  names: readonly string[],
  { file, upstream }: ProbeFlags,
  terminal: Terminal,
): Promise<readonly ProbedMirror[]> {
  if (names.length > 0 && file !== undefined)
    throw new UsageError('mirrors are named, and --file lists others; give one');
  const listed = file === undefined ? KNOWN_MIRRORS : parseMirrorList(await readList(file, terminal), file);
  const mirrors = names.length > 0 ? names.map(parseMirrorArgument) : listed;
  const chosen = mirrors.filter((mirror) => upstream === undefined || upstream.includes(mirror.upstream));
  if (chosen.length === 0) throw new UsageError('there is no such mirror; `wharf probe --list` prints the known ones');
  return chosen;
}

async function readList(file: string, terminal: Terminal): Promise<string> {
  if (file === '-') return await terminal.readInput();
  try {
    return readFileSync(path.resolve(terminal.workingFolder, file), 'utf8');
  } catch (error) {
    throw new UsageError(`the list of mirrors ${file} cannot be read: ${(error as Error).message}`);
  }
}

function imagesOf(text: string | undefined): Readonly<Record<string, readonly string[]>> {
  if (text === undefined) return PROBE_IMAGES;
  const images: Record<string, string[]> = {};
  for (const image of text.split(',')) {
    const { domain, repository, tag } = parseReference(image.trim());
    if (tag === undefined) throw new UsageError(`"${image}" has no tag; mirrors are asked what a tag means to them`);
    (images[domain] ??= []).push(`${repository}:${tag}`);
  }
  return images;
}

/** A copy of what was there stays beside it. */
function write(ranked: readonly RankedMirror[], name: string, terminal: Terminal): void {
  const file = path.resolve(terminal.workingFolder, name);
  const usable = ranked.filter(({ isUsable }) => isUsable);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const after = name.endsWith('.json') ? daemonWith(before, name, usable) : configWith(before, name, usable);
  if (after === before) {
    terminal.err(`${name} has them all already\n`);
    return;
  }
  if (before !== '') copyFileSync(file, `${file}.bak`);
  writeFileSync(file, after);
  const backup = before === '' ? '' : `; what it was is in ${name}.bak`;
  terminal.err(`${name} now has ${plural(usable.length, 'mirror')}${backup}\n`);
}

/** docker asks mirrors for docker.io alone, and by the names that it knows. */
function daemonWith(text: string, file: string, usable: readonly RankedMirror[]): string {
  const fit = usable.filter(({ upstream, repository }) => upstream === DOCKER_HUB && repository === '{repository}');
  return addMirrorsToDaemon(
    text,
    file,
    fit.map(({ url }) => url),
  );
}

function configWith(text: string, file: string, usable: readonly RankedMirror[]): string {
  return addMirrorsToConfig(
    text,
    file,
    Map.groupBy(usable, ({ upstream }) => upstream),
  );
}
