import type { Command } from '@commander-js/extra-typings';
import { type Descriptor, attestedDigest } from '../../oci/descriptor.ts';
import { type ManifestContent, readManifest } from '../../oci/manifest.ts';
import { type Platform, formatPlatform, matchesPlatform, parsePlatform } from '../../oci/platform.ts';
import { formatFamiliar, formatReference, parseReference, tagOrDigestOf } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { RemoteRepository } from '../../remote/remote-repository.ts';
import { openSession } from '../open-session.ts';
import { formatBytes, plural } from '../output/format.ts';
import { formatTable } from '../output/table.ts';
import { repositoryOf } from '../repository-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

interface Step {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

interface Inspection {
  readonly reference: string;
  /** What `docker pull` prints. */
  readonly repoDigest: Step;
  readonly platforms: readonly (Step & { readonly platform: string })[];
  readonly attestations: number;
  /** The chosen platform, as hub.docker.com shows it, with its image ID. */
  readonly image?: {
    readonly platform?: string;
    readonly digest: string;
    readonly id: string;
    readonly layers: readonly Step[];
  };
}

/** `wharf inspect`: the steps of a pull, digest by digest. */
export function addInspectCommand(program: Command, context: CommandContext): void {
  program
    .command('inspect')
    .description('Show the steps of a pull: repo digest, platforms, and with --platform the image ID and layers')
    .argument('<reference>', 'an image such as nginx:1.27 or ghcr.io/owner/app@sha256:…')
    .option('--raw', "print the manifest's bytes as they are")
    .option('--platform <platform>', 'go on to the image of this platform')
    .option('--plain-http', 'talk http to a registry that is not configured')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the steps as JSON')
    .action(async (text, flags) => {
      const { terminal, signal } = context;
      const reference = parseReference(text);
      const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
      await using session = openSession(flags, terminal);
      const repository = repositoryOf(reference, session, flags);
      const { descriptor } = await repository.resolve(tagOrDigestOf(reference), { signal });
      const root = await repository.manifest(descriptor.digest, { signal });
      const { content } = readManifest(root.bytes);
      const chosen = platform === undefined ? undefined : entryFor(content, platform);
      if (flags.raw === true) {
        const manifest = chosen === undefined ? root : await repository.manifest(chosen.digest, { signal });
        return terminal.out(new TextDecoder().decode(manifest.bytes));
      }
      const image = await imageOf(repository, root.digest, content, chosen, signal);
      const inspection: Inspection = {
        reference: formatReference(reference),
        repoDigest: { digest: root.digest, mediaType: root.mediaType, sizeBytes: root.bytes.byteLength },
        platforms: platformsOf(content),
        attestations: content.kind === 'index' ? content.manifests.filter(attestedDigest).length : 0,
        ...(image !== undefined && { image }),
      };
      if (flags.json === true) return printJson(terminal, inspection);
      terminal.out(render(formatFamiliar(reference), inspection));
      const pulls = repository.registry.traffic.requests('manifestGet');
      const isMetered = repository.registry.ledger.budget !== undefined;
      terminal.err(
        `this took ${plural(pulls, 'manifest GET')}${isMetered ? ', which the registry counts as pulls' : ''}\n`,
      );
    });
}

function entryFor(content: ManifestContent, platform: Platform): Descriptor | undefined {
  if (content.kind === 'image') return undefined;
  const entry = content.manifests.find(
    (child) => child.platform !== undefined && matchesPlatform(platform, child.platform),
  );
  if (entry !== undefined) return entry;
  const known = platformsOf(content).map((child) => child.platform);
  throw new UsageError(`the image has no ${formatPlatform(platform)}; it has ${known.join(', ')}`);
}

function platformsOf(content: ManifestContent): Inspection['platforms'] {
  if (content.kind === 'image') return [];
  return content.manifests
    .filter((child) => attestedDigest(child) === undefined)
    .map(({ platform, digest, mediaType, size }) => {
      const version = platform?.['os.version'];
      const name = platform === undefined ? 'unknown' : formatPlatform(platform);
      return { platform: version === undefined ? name : `${name} ${version}`, digest, mediaType, sizeBytes: size };
    });
}

async function imageOf(
  repository: RemoteRepository,
  rootDigest: string,
  root: ManifestContent,
  chosen: Descriptor | undefined,
  signal: AbortSignal,
): Promise<Inspection['image']> {
  if (root.kind === 'index' && chosen === undefined) return undefined;
  const content =
    chosen === undefined ? root : readManifest((await repository.manifest(chosen.digest, { signal })).bytes).content;
  if (content.kind === 'index') return undefined;
  return {
    ...(chosen?.platform !== undefined && { platform: formatPlatform(chosen.platform) }),
    digest: chosen?.digest ?? rootDigest,
    id: content.config.digest,
    layers: content.layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, sizeBytes: size })),
  };
}

function render(name: string, { repoDigest, platforms, attestations, image }: Inspection): string {
  const lines = [`${name}\n`, `repo digest   ${repoDigest.digest}\n`, `media type    ${repoDigest.mediaType}\n`];
  if (platforms.length > 0) {
    const rows = platforms.map(({ platform, digest }) => [platform, digest]);
    lines.push('\n', formatTable(['PLATFORM', 'IMAGE DIGEST'], rows));
    if (attestations > 0) lines.push(`and ${plural(attestations, 'attestation')}\n`);
  }
  if (image !== undefined) {
    const of = image.platform === undefined ? '' : ` of ${image.platform}`;
    const bytes = image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    lines.push(`\nimage digest${of}  ${image.digest}\nimage ID      ${image.id}\n\n`);
    lines.push(
      formatTable(
        ['LAYER', 'SIZE'],
        image.layers.map(({ digest, sizeBytes }) => [digest, formatBytes(sizeBytes)]),
      ),
    );
    lines.push(`${plural(image.layers.length, 'layer')}, ${formatBytes(bytes)}\n`);
  }
  return lines.join('');
}
