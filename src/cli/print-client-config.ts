import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { asShellScript } from '../client-config/as-shell-script.ts';
import type { ClientConfiguration, ClientFile } from '../client-config/client-configuration.ts';
import type { ClientName } from '../client-config/clients.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientConfigFlags } from './client-config-flags.ts';
import { type Terminal, printJson } from './terminal.ts';

/** What is printed is one valid file; what a person has to know besides goes to the standard error. */
export async function printClientConfig(
  client: ClientName,
  configuration: ClientConfiguration,
  { out, json }: ClientConfigFlags,
  terminal: Terminal,
): Promise<void> {
  const { files } = configuration;
  if (out !== undefined) for (const file of files) await writeBelow(out, file, terminal);
  if (json === true) return printJson(terminal, { version: 1, client, ...configuration });
  const [first, ...others] = files;
  if (out !== undefined) for (const file of files) terminal.out(`${path.join(out, file.path)}\n`);
  else terminal.out(first !== undefined && others.length === 0 ? first.text : asShellScript(files));
  if (out === undefined && first !== undefined && others.length === 0) terminal.err(`note: this is ${first.path}\n`);
  printWhatElse(configuration, terminal);
}

/** Remarks, and what to run. */
export function printWhatElse({ remarks, reload, trial }: ClientConfiguration, terminal: Terminal): void {
  for (const remark of remarks) terminal.err(`note: ${remark}\n`);
  for (const command of reload) terminal.err(`then run: ${command}\n`);
  if (trial !== '') terminal.err(`try it with: ${trial}\n`);
}

async function writeBelow(folder: string, { path: name, format, text }: ClientFile, terminal: Terminal): Promise<void> {
  const file = path.join(path.resolve(terminal.workingFolder, folder), name);
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx', mode: format === 'shell' ? 0o755 : 0o644 });
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new UsageError(`${file} cannot be written (${code})`, { cause: error });
    if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return;
    throw new UsageError(`${file} is there already, and says something else; choose another folder`);
  }
}
