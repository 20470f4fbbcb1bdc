export type FileFormat = 'json' | 'toml' | 'yaml' | 'nginx' | 'caddyfile' | 'hosts' | 'shell' | 'systemd';

/** A file as its client reads it, whole and valid. */
export interface ClientFile {
  /** Where the client looks for it: absolute. */
  readonly path: string;
  readonly format: FileFormat;
  readonly text: string;
}

export interface ClientConfiguration {
  /** The first one is the client's main file. */
  readonly files: readonly ClientFile[];
  /** The commands that make the client read it, one a line; empty when it does by itself. */
  readonly reload: readonly string[];
  /** Sentences on what a person has to know: what the client does when the mirror is down, and what cannot be said to it. */
  readonly remarks: readonly string[];
  /** A pull that shows that it works: `docker pull busybox`. */
  readonly trial: string;
}
