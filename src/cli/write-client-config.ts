// `wharf client-config CLIENT --write` and `--undo`: shows what would change, asks, and does it.
import { systemClock } from '../async/clock.ts';
import { NotPermittedError } from '../app/client-file-error.ts';
import { applyUndo, planUndo } from '../app/undo-client-files.ts';
import { type ClientFileChange, planClientFiles, writeClientFiles } from '../app/write-client-files.ts';
import type { ClientConfiguration } from '../client-config/client-configuration.ts';
import type { ClientName } from '../client-config/clients.ts';
import { merge } from '../client-config/merge/merge.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type ClientConfigFlags, commandLine, configFolder } from './client-config-flags.ts';
import { unifiedDiff } from './output/unified-diff.ts';
import { printWhatElse } from './print-client-config.ts';
import { type Terminal, printJson } from './terminal.ts';

interface InPlace {
  /** Below that of all configuration. */
  readonly folder: string;
  /** What makes it forget a mirror. */
  readonly restart?: string;
}

/** The clients whose files are changed in place. */
const IN_PLACE: Partial<Record<ClientName, InPlace>> = {
  // On a reload it keeps the mirrors that it has when its file names none.
  docker: { folder: 'docker', restart: 'systemctl restart docker' },
  containerd: { folder: 'containerd', restart: 'systemctl restart containerd' },
  podman: { folder: 'containers' },
  k3s: { folder: 'rancher/k3s', restart: 'systemctl restart k3s' },
};

export async function writeClientConfig(
  client: ClientName,
  configuration: ClientConfiguration,
  flags: ClientConfigFlags,
  terminal: Terminal,
): Promise<void> {
  const folder = folderOf(client, flags, terminal);
  await orAsRoot(client, flags, async () => {
    const edits = configuration.files.map((file) => ({
      path: file.path,
      edit: (before: string | undefined) => merge(before, file),
    }));
    const changes = await planClientFiles(edits, flags.root);
    if (changes.length === 0) return report(client, 'is configured so already; nothing was written', flags, terminal);
    for (const change of changes) showChange(change, terminal);
    if (!(await isAgreed(`Write ${changes.map(({ place }) => place).join(', ')}? [y/N] `, flags, terminal))) {
      return report(client, 'is as it was; nothing was written', flags, terminal);
    }
    const options = { client, folder, root: flags.root, clock: systemClock };
    const written = await writeClientFiles(changes, options);
    if (flags.json === true) {
      const { reload, remarks, trial } = configuration;
      return printJson(terminal, { version: 1, client, written, reload, remarks, trial });
    }
    for (const { place, backup } of written) {
      terminal.out(`wrote ${place}${backup === undefined ? '' : `; what was there is kept in ${backup}`}\n`);
    }
    printWhatElse(configuration, terminal);
  });
}

export async function undoClientConfig(
  client: ClientName,
  flags: ClientConfigFlags,
  terminal: Terminal,
): Promise<void> {
  const folder = folderOf(client, flags, terminal);
  await orAsRoot(client, flags, async () => {
    const undo = await planUndo(client, folder, flags.root);
    if (undo === undefined) return report(client, 'has nothing to undo: there is no write of Wharf', flags, terminal);
    for (const { place, now, before } of undo.files) show(place, now?.text, before?.text, terminal);
    const isForeign = undo.files.some((file) => file.isForeign);
    const question = `Put back ${undo.files.map(({ place }) => place).join(', ')}? [y/N] `;
    // What somebody else changed is not a matter of a key.
    if (!isForeign && !(await isAgreed(question, flags, terminal))) {
      return report(client, 'is as it was; nothing was undone', flags, terminal);
    }
    const kept = await applyUndo(undo, { isForced: flags.yes === true, clock: systemClock });
    const restored = undo.files.map(({ place }) => place);
    if (flags.json === true) return printJson(terminal, { version: 1, client, restored, kept });
    for (const { place, before } of undo.files) {
      terminal.out(before === undefined ? `removed ${place}\n` : `put back ${place}\n`);
    }
    for (const copy of kept) terminal.out(`kept ${copy}\n`);
    const restart = IN_PLACE[client]?.restart;
    if (restart !== undefined)
      terminal.err(`then run: ${flags.user === true ? restart.replace(' ', ' --user ') : restart}\n`);
  });
}

function folderOf(client: ClientName, flags: ClientConfigFlags, terminal: Terminal): string {
  const place = IN_PLACE[client];
  if (place !== undefined) return `${configFolder(flags, terminal)}/${place.folder}`;
  const names = Object.keys(IN_PLACE).join(', ');
  throw new UsageError(
    `the files of ${client} are not changed in place, only those of ${names}; redirect the output to a file, or use --out`,
  );
}

function showChange({ place, before, after }: ClientFileChange, terminal: Terminal): void {
  show(place, before?.text, after, terminal);
}

function show(name: string, before: string | undefined, after: string | undefined, terminal: Terminal): void {
  // A file could hold what moves the cursor.
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  terminal.err(unifiedDiff({ before, after, name }).replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F]/g, '\u{FFFD}'));
}

async function isAgreed(question: string, { yes }: ClientConfigFlags, terminal: Terminal): Promise<boolean> {
  if (yes === true) return true;
  try {
    return /^y(?:es)?$/i.test((await terminal.ask(question)).trim());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError('nobody is there to be asked, so nothing was changed; look at the difference, and say --yes', {
      cause: error,
    });
  }
}

function report(client: ClientName, what: string, { json }: ClientConfigFlags, terminal: Terminal): void {
  if (json === true) printJson(terminal, { version: 1, client, written: [] });
  else terminal.out(`${client} ${what}\n`);
}

/** What another user may do is said with the command to type. */
async function orAsRoot(client: ClientName, flags: ClientConfigFlags, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof NotPermittedError) || !error.isForRoot) throw error;
    throw new UsageError(`${error.message}; run: sudo ${commandLine(client, flags)}`, { cause: error });
  }
}
