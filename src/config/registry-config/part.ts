/** A setting of wharf.yaml. */
export interface WharfSetting {
  readonly key: string;
  /** As `parseConfig` is to read it: dollar signs are doubled where no variable is meant. */
  readonly value: unknown;
  /** What stands above it, a line each. */
  readonly comment?: readonly string[];
}

/** What became of a part of a registry's settings. */
export interface Part {
  readonly settings: readonly WharfSetting[];
  /** A sentence each, for whoever has to change something else as well. */
  readonly notes: readonly string[];
}

/** A text that wharf.yaml means as it is. */
export function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
