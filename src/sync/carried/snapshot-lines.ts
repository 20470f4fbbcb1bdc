// The state of a job as bytes: one JSON value a line, the first of which says what the rest is, under zstd.
//
//     {"format":1,"scope":"sha256:…"}                               of which job, upstream, targets and platforms
//     {"kind":"revision","revision":"37079fb…"}
//     {"kind":"deferred","repository":"library/nginx","tag":"1.27"}
//     {"kind":"list","repository":"library/nginx","unchangedBeforeMs":1764400000000,"readAtMs":1764300000000}
//     {"kind":"resolved","repository":"library/nginx","tag":"1.27","digest":"sha256:…","updatedAt":"…"}    below its list
//     {"kind":"copied","to":0,"repository":"library/nginx","tag":"1.27","digest":"sha256:…","checkedAtMs":1764300000000}
//
// Whoever can push to the target can write anything here. It is read within bounds, and a line that is wrong makes all
// of it wrong.
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import type { CopiedTag } from '../../journal/copied-tags.ts';
import type { DeferredTag } from '../../journal/job-history.ts';
import type { KnownTags } from '../../journal/resolved-tags.ts';
import { type Digest, digestOf, isDigest } from '../../oci/digest.ts';
import { type RepositoryName, type Tag, isRepositoryName, isTag } from '../../oci/reference.ts';
import type { RememberedTag } from '../../remote/tag-memory.ts';
import type { Snapshot } from './snapshot.ts';

/** The message is the end of a sentence about the state: `is of another format`. */
export class UnusableState extends Error {
  override readonly name = 'UnusableState';
}

/** Of the lines; what is sent is less. The whole library takes some twenty million bytes. */
export const MAX_STATE_BYTES = 64 * 1024 * 1024;
const FORMAT = 1;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));
const repository = z.custom<RepositoryName>((value) => typeof value === 'string' && isRepositoryName(value));
const tag = z.custom<Tag>((value) => typeof value === 'string' && isTag(value));
/** What a Date can hold. */
const timeMs = z.int().min(0).max(8.64e15);

const headSchema = z.object({ format: z.int(), scope: z.string() });
const lineSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('revision'), revision: z.string().regex(/^[0-9a-f]{40,64}$/) }),
  z.strictObject({ kind: z.literal('deferred'), repository, tag }),
  z.strictObject({ kind: z.literal('list'), repository, unchangedBeforeMs: timeMs, readAtMs: timeMs }),
  z.strictObject({ kind: z.literal('resolved'), repository, tag, digest, updatedAt: z.string().max(64).optional() }),
  z.strictObject({
    kind: z.literal('copied'),
    to: z.int().min(0).max(1000),
    repository,
    tag,
    digest,
    targetDigest: digest.optional(),
    checkedAtMs: timeMs,
  }),
]);
type Line = z.output<typeof lineSchema>;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Throws UnusableState when there is more of it than would be read again. */
export async function encodeSnapshot(snapshot: Snapshot, scope: string): Promise<Uint8Array> {
  const head = { format: FORMAT, scope: digestOf(scope) };
  const text = Buffer.from([head, ...linesOf(snapshot)].map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (text.byteLength > MAX_STATE_BYTES) {
    throw new UnusableState(`is ${text.byteLength} bytes long; at most ${MAX_STATE_BYTES} are kept`);
  }
  return await compress(text);
}

/** Throws UnusableState. */
export async function decodeSnapshot(bytes: Uint8Array, scope: string): Promise<Snapshot> {
  const lines = (await decompressed(bytes)).split('\n');
  if (lines.pop() !== '') throw new UnusableState('ends in the middle of a line');
  const head = headSchema.safeParse(parsed(lines[0] ?? ''));
  if (!head.success) throw new UnusableState('does not say what it is');
  if (head.data.format !== FORMAT) throw new UnusableState(`is of format ${head.data.format}, and this is ${FORMAT}`);
  if (head.data.scope !== digestOf(scope))
    throw new UnusableState('is of other targets, platforms or another upstream');
  const builder = new SnapshotBuilder();
  for (const [index, text] of lines.entries()) {
    if (index > 0) builder.add(parseLine(text, index + 1), index + 1);
  }
  return builder;
}

function* linesOf({ revision, deferred, known, copied }: Snapshot): Generator<Line> {
  if (revision !== undefined) yield { kind: 'revision', revision };
  for (const one of deferred) yield { kind: 'deferred', ...one };
  for (const { repository, tags, unchangedBeforeMs, readAtMs } of known) {
    yield { kind: 'list', repository, unchangedBeforeMs, readAtMs };
    for (const [tag, one] of tags) yield { kind: 'resolved', repository, tag, ...one };
  }
  for (const [to, tags] of copied.entries()) {
    for (const { repository, tag, sourceDigest: digest, targetDigest, checkedAt } of tags) {
      const other = targetDigest === digest ? {} : { targetDigest };
      yield { kind: 'copied', to, repository, tag, digest, ...other, checkedAtMs: checkedAt.getTime() };
    }
  }
}

async function decompressed(bytes: Uint8Array): Promise<string> {
  try {
    return (await decompress(bytes, { maxOutputLength: MAX_STATE_BYTES })).toString();
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new UnusableState(`becomes more than ${MAX_STATE_BYTES} bytes`, { cause });
    }
    throw new UnusableState('cannot be decompressed', { cause });
  }
}

function parseLine(text: string, number: number): Line {
  const line = lineSchema.safeParse(parsed(text));
  if (line.success) return line.data;
  throw new UnusableState(`is wrong in line ${number}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

class SnapshotBuilder implements Snapshot {
  revision: string | undefined;
  readonly deferred: DeferredTag[] = [];
  readonly known: (KnownTags & { readonly tags: Map<Tag, RememberedTag> })[] = [];
  readonly copied: CopiedTag[][] = [];

  add(line: Line, number: number): void {
    switch (line.kind) {
      case 'revision':
        this.revision = line.revision;
        break;
      case 'deferred':
        this.deferred.push({ repository: line.repository, tag: line.tag });
        break;
      case 'list': {
        const { repository, unchangedBeforeMs, readAtMs } = line;
        this.known.push({ repository, unchangedBeforeMs, readAtMs, tags: new Map() });
        break;
      }
      case 'resolved': {
        const list = this.known.at(-1);
        if (list?.repository !== line.repository) throw new UnusableState(`is wrong in line ${number}`);
        const { digest, updatedAt } = line;
        list.tags.set(line.tag, { digest, ...(updatedAt !== undefined && { updatedAt }) });
        break;
      }
      case 'copied': {
        const { to, repository, tag, digest: sourceDigest, targetDigest = sourceDigest, checkedAtMs } = line;
        const checkedAt = new Date(checkedAtMs);
        (this.copied[to] ??= []).push({ repository, tag, sourceDigest, targetDigest, checkedAt });
      }
    }
  }
}
