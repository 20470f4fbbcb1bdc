import { access } from 'node:fs/promises';
import path from 'node:path';
import { checkClient } from '../app/check-client.ts';
import type { ClientFinding } from '../app/client-finding.ts';
import type { ClientName } from '../client-config/clients.ts';
import { sampleImage } from '../client-config/sample-image.ts';
import { OciError } from '../oci/errors.ts';
import { type Reference, parseReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type ClientConfigFlags, configure } from './client-config-flags.ts';
import { openSession } from './open-session.ts';
import { type CommandContext, printJson } from './terminal.ts';

/** `wharf client-config CLIENT --check`: exit 1 when anything is wrong. */
export async function checkClientConfig(
  client: ClientName,
  flags: ClientConfigFlags,
  context: CommandContext,
): Promise<void> {
  const { terminal, signal } = context;
  const { setup } = configure(client, flags, terminal);
  const image = imageOf(flags.image ?? sampleImage(setup));
  await using session = openSession(flags, terminal);
  const configured = (place: string) => (flags.root === '/' ? undefined : path.join(flags.root, place));
  const caFile = await readable(setup.caFile);
  const findings: ClientFinding[] = [];
  for await (const finding of checkClient(session, {
    client,
    setup,
    image,
    caFile,
    env: terminal.env,
    configured,
    signal,
  })) {
    findings.push(finding);
    if (flags.json === true) continue;
    terminal.out(`${finding.state.padEnd('not tried'.length)}  ${finding.message}\n`);
    for (const command of finding.wayRound ?? []) terminal.out(`           ${command}\n`);
  }
  if (flags.json === true) printJson(terminal, { version: 1, client, findings });
  if (findings.some(({ state }) => state === 'wrong')) context.exitWith(1);
}

function imageOf(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new UsageError(`${text} is no image to pull; say one with --image`, { cause: error });
  }
}

/** The file may be on the client's machine alone. */
async function readable(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return await access(file).then(
    () => file,
    () => undefined,
  );
}
