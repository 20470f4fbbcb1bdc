import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from '@commander-js/extra-typings';
import { importRegistryConfig } from '../../config/import-registry-config.ts';
import { isRegistryVariable } from '../../config/registry-config/variables.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { type CommandContext, type Terminal, printJson } from '../terminal.ts';

interface Flags {
  readonly out?: string | undefined;
  readonly force?: true | undefined;
  readonly json?: true | undefined;
}

// More than any configuration may have; a device that never ends is not read to its end.
const MAX_BYTES = 4 * 1024 * 1024;

/** `wharf config import`: the configuration of a registry:2 as one of ours. */
export function addConfigImportCommand(config: Command, { terminal }: CommandContext): void {
  config
    .command('import')
    .description('Make a wharf.yaml of the configuration of a registry:2')
    .argument('[file]', 'its config.yml, or - for the standard input; else REGISTRY_ variables alone')
    .option('--out <file>', 'write it there instead of printing it')
    .option('--force', 'write over a file that exists')
    .option('--json', 'print the configuration and the notes as JSON')
    .addHelpText('after', IMPORT_HELP)
    .action(async (file, flags) => {
      const { yaml, notes } = importRegistryConfig({ ...(await readSource(file, terminal)), env: terminal.env });
      if (flags.out !== undefined) await write(flags.out, yaml, flags, terminal);
      if (flags.json === true) return printJson(terminal, { version: 1, config: yaml, notes });
      for (const note of notes) terminal.err(`note: ${note}\n`);
      terminal.out(flags.out === undefined ? yaml : `wrote ${flags.out}\n`);
    });
}

const IMPORT_HELP = `
Variables such as REGISTRY_PROXY_REMOTEURL win over the file, as they do for registry:2. What has no counterpart is
named in notes on the standard error. No password is written down: a variable stands for it.

Examples:
  wharf config import /etc/docker/registry/config.yml --out wharf.yaml
  REGISTRY_PROXY_REMOTEURL=https://registry-1.docker.io wharf config import
  wharf copy 'http://old:5000/**' store:                  moves the content of the old registry
`;

async function readSource(file: string | undefined, terminal: Terminal) {
  if (file === '-') return { text: await terminal.readInput(), file: 'standard input' };
  if (file !== undefined) return { text: await readText(path.resolve(terminal.workingFolder, file), file), file };
  if (!Object.keys(terminal.env).some(isRegistryVariable)) {
    throw new UsageError('there is nothing to import; name a config.yml, or set variables such as REGISTRY_HTTP_ADDR');
  }
  return { file: "the image's config.yml" };
}

async function readText(file: string, name: string): Promise<string> {
  try {
    return await text(createReadStream(file, { end: MAX_BYTES }));
  } catch (error) {
    throw new UsageError(`${name} cannot be read: ${(error as Error).message}`);
  }
}

async function write(name: string, yaml: string, { force }: Flags, { workingFolder }: Terminal): Promise<void> {
  try {
    await writeFile(path.resolve(workingFolder, name), yaml, { flag: force === true ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new UsageError(`${name} exists already; choose another name, or write over it with --force`);
    }
    throw new UsageError(`${name} cannot be written: ${(error as Error).message}`);
  }
}
