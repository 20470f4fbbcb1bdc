import type { Command } from '@commander-js/extra-typings';
import { openHoldings } from '../../app/image-holdings.ts';
import { type InspectImageOptions, inspectImage, inspectedManifest } from '../../app/image-inspection.ts';
import type { Session } from '../../app/session.ts';
import { parseImageLocation } from '../../config/image-location.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { familiarName, parseTag } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { RemoteRegistry } from '../../remote/remote-registry.ts';
import { StoredTargets } from '../../store/stored-target.ts';
import { openSession } from '../open-session.ts';
import { plural } from '../output/format.ts';
import { describeInspection } from '../output/inspection-lines.ts';
import type { RegistryFlags } from '../registry-argument.ts';
import { repositoryOf } from '../repository-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

const LATEST = parseTag('latest');

/** `wharf inspect`: the steps of a pull, digest by digest, and what they cost. */
export function addInspectCommand(program: Command, context: CommandContext): void {
  program
    .command('inspect')
    .description(
      'Show the steps of a pull: repo digest, platforms, referrers, and with --platform the image ID and layers',
    )
    .argument('<reference>', 'an image such as nginx:1.27, ghcr.io/owner/app@sha256:… or store:NAME:TAG')
    .option('--raw', "print the manifest's bytes as they are")
    .option('--platform <platform>', 'go on to the image of this platform')
    .option('--no-pull', 'ask for no manifest: only what the store has is read')
    .option('--plain-http', 'talk http to a registry that is not configured')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the steps as JSON')
    .action(async (text, flags) => {
      const { terminal, signal } = context;
      const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
      await using session = openSession(flags, terminal);
      const { name, fullName, registry, ...image } = await openImage(text, session, flags);
      const holdings = await openHoldings(session);
      const options = { ...image, platform, holdings, mayPull: flags.pull, signal };
      if (flags.raw === true) {
        const { bytes } = await inspectedManifest(options);
        return terminal.out(new TextDecoder().decode(bytes));
      }
      const inspection = await inspectImage(options);
      const budget = registry?.ledger.budget;
      if (flags.json === true) {
        const isCounted = budget !== undefined;
        return printJson(terminal, {
          version: 1,
          reference: fullName,
          ...inspection,
          cost: { ...inspection.cost, isCounted, ...(isCounted && { pullsLeft: budget.remaining }) },
        });
      }
      const meter = budget && { name: registry?.name ?? '', remaining: budget.remaining };
      terminal.out(describeInspection(inspection, { name, hasStore: holdings !== undefined, meter }));
      for (const note of inspection.notes) terminal.err(`note: ${note}\n`);
      if (registry === undefined) return undefined;
      const pulls = registry.traffic.requests('manifestGet');
      terminal.err(
        `this took ${plural(pulls, 'manifest GET')}${budget === undefined ? '' : ', which the registry counts as pulls'}\n`,
      );
    });
}

interface OpenImage extends Pick<InspectImageOptions, 'repository' | 'content' | 'reference' | 'listReferrers'> {
  /** As people write it, and as it is called in full. */
  readonly name: string;
  readonly fullName: string;
  /** `undefined` for our own store. */
  readonly registry?: RemoteRegistry | undefined;
}

async function openImage(text: string, session: Session, flags: RegistryFlags): Promise<OpenImage> {
  const location = parseImageLocation(text);
  const isOne = location.kind === 'registry' || location.kind === 'store';
  const { repository: path, pattern, ...which } = isOne ? location.images : {};
  if (!isOne || path === undefined || pattern !== undefined) {
    throw new UsageError(`"${text}" is not an image of a registry or of the store`);
  }
  const reference = which.digest ?? which.tag ?? LATEST;
  if (location.kind === 'registry') {
    const { registry: domain } = location;
    const repository = repositoryOf({ domain, repository: path }, session, flags);
    const suffix = `${which.digest === undefined ? ':' : '@'}${reference}`;
    return {
      repository,
      content: session.config.upstreams.has(domain) ? session.upstream(domain).repository(path) : repository,
      reference,
      name: familiarName(domain, path) + suffix,
      fullName: `${domain}/${path}${suffix}`,
      registry: repository.registry,
      listReferrers: (subject, call) => repository.referrers(subject, call),
    };
  }
  const store = await session.store();
  const repository = new StoredTargets(store).repository(path);
  const name = `store:${path}${which.digest === undefined ? ':' : '@'}${reference}`;
  const listReferrers = async (subject: Descriptor['digest']) =>
    await Array.fromAsync(store.registry.repository(path).referrers(subject, {}));
  return { repository, content: repository, reference, name, fullName: name, listReferrers };
}
