import { constants, setPriority } from 'node:os';
import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { openStore } from '../../app/open-store.ts';
import { systemClock } from '../../async/clock.ts';
import { parseDuration } from '../../config/duration.ts';
import { FileLock } from '../../database/file-lock.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { collectGarbage } from '../../store/collect-garbage.ts';
import type { CollectedGarbage } from '../../store/collection.ts';
import { loadConfig } from '../open-session.ts';
import { formatBytes, plural } from '../output/format.ts';
import { type CommandContext, printJson } from '../terminal.ts';

const PAUSE_MS = 2;
/** A server evicts now and then, and is hardly ever longer at it. */
const EVICTION_MS = 5_000;

/**
 * `wharf gc`: deletes what nothing keeps, beside a `wharf serve` on the same data folder. It yields to it: with a low
 * priority, and with pauses between its transactions, as clients wait for an answer, and nobody for a collection.
 */
export function addStoreCommands(program: Command, context: CommandContext): void {
  program
    .command('gc')
    .description('Delete what nothing keeps: stale uploads, and blobs that no manifest names')
    .option('--dry-run', 'say what would be deleted, and delete nothing')
    .option('--untagged', 'delete manifests, too, that no tag, index or subject keeps')
    .option('--older-than <age>', 'leave alone what came since, such as 90m or 2d', '1h')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the figures as JSON')
    .action(async ({ dryRun, untagged, olderThan, json, config }) => {
      const { terminal, signal } = context;
      const olderThanMs = parseAge(olderThan);
      const { dataFolder } = loadConfig({ config }, terminal);
      await using store = await openStore(dataFolder);
      using _ = lockCollection(dataFolder);
      setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
      const pause = () => systemClock.sleep(PAUSE_MS);
      const collected = await collectGarbage(store, { dryRun, untagged, olderThanMs, pause, signal });
      if (json === true) printJson(terminal, { version: 1, dryRun: dryRun === true, ...collected });
      else terminal.out(`${describe(collected, dryRun === true)}\n`);
    });
}

function parseAge(text: string): number {
  const ageMs = parseDuration(text);
  if (ageMs === undefined) throw new UsageError(`"${text}" is not an age; write --older-than 90m, 1h or 2d`);
  return ageMs;
}

function lockCollection(dataFolder: string): Disposable {
  const lock = FileLock.take(path.join(dataFolder, 'gc.lock'), EVICTION_MS);
  if (lock !== undefined) return lock;
  throw new UsageError(`another wharf gc is at work in ${dataFolder}, or a wharf serve evicts; wait until it is done`);
}

function describe(collected: CollectedGarbage, dryRun: boolean): string {
  const { uploads, manifests, blobs, sizeBytes, tagMoves, freedBytes, broughtBack } = collected;
  const what = `${plural(uploads, 'stale upload')}, ${plural(manifests, 'untagged manifest')}, ${plural(blobs, 'blob')}`;
  if (dryRun) return `would delete ${what} (${formatBytes(sizeBytes)})`;
  const later = blobs === 0 ? '' : '; their room is freed by a wharf gc in an hour or later';
  const lines = [
    `deleted ${what} (${formatBytes(sizeBytes)})${later}`,
    `freed ${formatBytes(freedBytes)} that had been deleted before`,
  ];
  if (tagMoves > 0) lines.push(`forgot ${plural(tagMoves, 'old tag move')}`);
  if (broughtBack > 0)
    lines.push(`brought back ${plural(broughtBack, 'blob')} that a wharf gc had taken which was killed`);
  return lines.join('\n');
}
