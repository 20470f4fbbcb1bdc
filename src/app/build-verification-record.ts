// A file of what was compared, a line each, so that a verification that was broken off goes on where it was.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { UsageError } from '../oci/usage-error.ts';
import { DEPTHS } from '../verify/compare-images.ts';
import { FINDING_KINDS, type FindingKind } from '../verify/findings.ts';
import type { Comparison, ComparisonRecord, RecordedOutcome } from '../verify/verification.ts';

/** A mirror may have caught up since. */
const BELIEVED_MS = 24 * 3_600_000;
const MAX_BYTES = 512 * 1024 * 1024;
const LINES_A_WRITE = 64;

const lineSchema = z.object({
  at: z.number(),
  mirror: z.string(),
  reference: z.string(),
  expected: z.string(),
  depth: z.enum(DEPTHS),
  platforms: z.string(),
  outcome: z.object({
    finding: z.enum(FINDING_KINDS as [FindingKind, ...FindingKind[]]),
    expected: z.string().nullable(),
    found: z.string().nullable(),
    detail: z.string(),
  }),
});

export interface RecordOptions {
  readonly file: string;
  readonly now: () => number;
  /** The chosen ones: another choice is another comparison. */
  readonly platforms: string;
}

/** Dispose of it to have all of it in the file. */
export class FileRecord implements ComparisonRecord, Disposable {
  readonly #options: RecordOptions;
  readonly #known = new Map<string, RecordedOutcome>();
  #lines: string[] = [];

  /** Throws UsageError when the file cannot be read. Lines that make no sense, as the last of a killed run, are passed over. */
  constructor(options: RecordOptions) {
    this.#options = options;
    const { file, now, platforms } = options;
    if (!existsSync(file)) return;
    for (const line of readLines(file)) {
      const { data } = lineSchema.safeParse(parseJson(line));
      if (data === undefined || data.platforms !== platforms || now() - data.at > BELIEVED_MS) continue;
      // A failed or limited comparison is no comparison; what was deeper says all that is asked for now.
      if (data.outcome.finding === 'unreachable' || data.outcome.finding === 'limited') continue;
      for (const depth of DEPTHS.slice(0, DEPTHS.indexOf(data.depth) + 1)) {
        this.#known.set(keyOf({ ...data, depth }), data.outcome);
      }
    }
  }

  find(comparison: Comparison): RecordedOutcome | undefined {
    return this.#known.get(keyOf(comparison));
  }

  add(comparison: Comparison, outcome: RecordedOutcome): void {
    const { now, platforms } = this.#options;
    this.#lines.push(`${JSON.stringify({ at: now(), ...comparison, platforms, outcome })}\n`);
    if (this.#lines.length >= LINES_A_WRITE) this.#write();
  }

  [Symbol.dispose](): void {
    this.#write();
  }

  #write(): void {
    const lines = this.#lines.join('');
    this.#lines = [];
    const { file } = this.#options;
    try {
      appendFileSync(file, lines);
    } catch (error) {
      throw new UsageError(`what was compared cannot be kept in ${file}: ${(error as Error).message}`);
    }
  }
}

function keyOf({ mirror, reference, expected, depth }: Comparison): string {
  return [depth, mirror, reference, expected].join(' ');
}

function readLines(file: string): string[] {
  try {
    const bytes = readFileSync(file);
    if (bytes.byteLength <= MAX_BYTES) return bytes.toString('utf8').split('\n');
  } catch (error) {
    throw new UsageError(`the record ${file} cannot be read: ${(error as Error).message}`);
  }
  throw new UsageError(`the record ${file} is larger than any that is written here; name another file`);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
