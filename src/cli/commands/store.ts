import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { openStore } from '../../app/open-store.ts';
import { parseDuration } from '../../config/duration.ts';
import { FileLock } from '../../journal/file-lock.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { type CollectedGarbage, collectGarbage } from '../../store/collect-garbage.ts';
import { loadConfig } from '../open-session.ts';
import { formatBytes, plural } from '../output/format.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** `wharf gc`: deletes what nothing keeps, beside a `wharf serve` on the same data folder. */
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
      const collected = await collectGarbage(store, { dryRun, untagged, olderThanMs, signal });
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
  const lock = FileLock.take(path.join(dataFolder, 'gc.lock'));
  if (lock !== undefined) return lock;
  throw new UsageError(`another wharf gc is at work in ${dataFolder}; wait until it is done`);
}

function describe({ uploads, manifests, blobs, sizeBytes, freedBytes }: CollectedGarbage, dryRun: boolean): string {
  const what = `${plural(uploads, 'stale upload')}, ${plural(manifests, 'untagged manifest')}, ${plural(blobs, 'blob')}`;
  if (dryRun) return `would delete ${what} (${formatBytes(sizeBytes)})`;
  const later = blobs === 0 ? '' : '; their room is freed by a wharf gc in an hour or later';
  return `deleted ${what} (${formatBytes(sizeBytes)})${later}\nfreed ${formatBytes(freedBytes)} that had been deleted before`;
}
