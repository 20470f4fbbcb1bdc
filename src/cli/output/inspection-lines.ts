// An image as a person reads it: the same steps that docker's own commands name, in the same words.
import type { ImageInspection, InspectedImage } from '../../app/image-inspection.ts';
import type { PullCost } from '../../app/image-pull-cost.ts';
import type { ImageReferrer } from '../../app/image-referrers.ts';
import { formatBytes, plural } from './format.ts';
import { formatTable } from './table.ts';

export interface InspectionWords {
  /** As people write it. */
  readonly name: string;
  /** Whether there is a store that could have parts of it. */
  readonly hasStore: boolean;
  /** The registry that counts pulls, with what it last said is left. */
  readonly meter?: { readonly name: string; readonly remaining: number } | undefined;
}

const LONGEST_VALUE = 100;
const MAX_ANNOTATIONS = 20;

export function describeInspection(inspection: ImageInspection, words: InspectionWords): string {
  const { repoDigest, annotations, platforms, attestations, image, referrers } = inspection;
  const lines = [
    `${words.name}\n`,
    `repo digest   ${repoDigest.digest}\n`,
    `media type    ${repoDigest.mediaType}\n`,
    ...annotationLines(annotations),
  ];
  if (platforms.length > 0) {
    lines.push('\n');
    lines.push(
      words.hasStore
        ? formatTable(
            ['PLATFORM', 'IMAGE DIGEST', 'IN STORE'],
            platforms.map(({ platform, digest, isHere }) => [platform, digest, isHere ? 'yes' : 'no']),
          )
        : formatTable(
            ['PLATFORM', 'IMAGE DIGEST'],
            platforms.map(({ platform, digest }) => [platform, digest]),
          ),
    );
    if (attestations > 0) lines.push(`and ${plural(attestations, 'attestation')}\n`);
  }
  if (image !== undefined) lines.push('\n', ...imageLines(image, words));
  if (referrers.length > 0) lines.push('\n', referrerTable(referrers, inspection));
  lines.push('\n', costLine(inspection.cost, words));
  return lines.join('');
}

function imageLines(image: InspectedImage, { hasStore }: InspectionWords): string[] {
  const { layers, config } = image;
  const of = image.platform === undefined ? '' : ` of ${image.platform}`;
  const bytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const headings = ['LAYER', 'SIZE', ...(hasStore ? ['IN STORE'] : [])];
  const rows = layers.map(({ digest, sizeBytes, isHere }) => [
    digest,
    formatBytes(sizeBytes),
    ...(hasStore ? [isHere ? 'yes' : 'no'] : []),
  ]);
  return [
    `image digest${of}  ${image.digest}\n`,
    `image ID      ${image.id}\n`,
    ...annotationLines(image.annotations),
    '\n',
    formatTable(headings, rows),
    `${plural(layers.length, 'layer')}, ${formatBytes(bytes)}; the config is ${formatBytes(config.sizeBytes)}\n`,
  ];
}

function referrerTable(referrers: readonly ImageReferrer[], { repoDigest }: ImageInspection): string {
  const rows = referrers.map(({ digest, type, tag, subject }) => [
    digest,
    printable(type ?? tag ?? ''),
    subject === repoDigest.digest ? 'repo digest' : 'image digest',
  ]);
  return formatTable(['REFERRER', 'TYPE OR TAG', 'REFERS TO'], rows);
}

function annotationLines(annotations: Readonly<Record<string, string>> = {}): string[] {
  const all = Object.entries(annotations);
  const more = all.length - MAX_ANNOTATIONS;
  return [
    ...all.slice(0, MAX_ANNOTATIONS).map(([key, value]) => `annotation    ${printable(key)}=${printable(value)}\n`),
    ...(more > 0 ? [`and ${plural(more, 'more annotation')}; --json has them\n`] : []),
  ];
}

/** Annotations are anybody's text: no line of ours, and nothing that a terminal would obey. */
function printable(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return line.length > LONGEST_VALUE ? `${line.slice(0, LONGEST_VALUE)}…` : line;
}

function costLine({ pulls, bytes, isKnown }: PullCost, { hasStore, meter }: InspectionWords): string {
  const what = hasStore ? 'a pull through the store costs' : 'a pull costs';
  const size = isKnown ? formatBytes(bytes) : 'bytes that --platform tells';
  const counted =
    meter === undefined ? '' : `; ${meter.name} counts manifests, and ${plural(meter.remaining, 'pull')} are left`;
  return `${what} ${plural(pulls, 'manifest')} and ${size}${counted}\n`;
}
