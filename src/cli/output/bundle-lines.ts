// What a bundle says of itself when it was made.
import type { BundleReport } from '../../app/create-bundle.ts';
import { formatBytes, formatDuration, plural } from './format.ts';

export function describeBundle(label: string, { outcomes, lock }: BundleReport, seconds: number): string {
  const others = (
    [
      ['deferred', 'deferred for want of pulls'],
      ['failed', 'failed'],
    ] as const
  ).flatMap(([key, words]) => {
    const count = outcomes.filter(({ outcome }) => outcome === key).length;
    return count === 0 ? [] : `${count} ${words}`;
  });
  if (lock === undefined) return `no bundle was made: ${plural(outcomes.length, 'image')}: ${others.join(', ')}\n`;
  const absent = new Set(lock.absent.map(({ digest }) => digest));
  const all = [...lock.manifests, ...lock.blobs];
  const bytesOf = (isAbsent: boolean) =>
    formatBytes(all.reduce((sum, { digest, sizeBytes }) => sum + (absent.has(digest) === isAbsent ? sizeBytes : 0), 0));
  const parts = [
    [plural(lock.images.length, 'image'), ...others].join(', '),
    bytesOf(false),
    ...(absent.size === 0 ? [] : [`${bytesOf(true)} left out, which the other side has`]),
    formatDuration(seconds),
  ];
  return `${label}: ${parts.join('; ')}\n`;
}
