import type { ClientSetup } from './client-setup.ts';
import type { NginxOptions } from './nginx.ts';

type FileFormat = 'json' | 'toml' | 'yaml' | 'nginx' | 'caddyfile' | 'hosts' | 'shell' | 'systemd';

/** A file as its client reads it, whole and valid. */
export interface ClientFile {
  /**
   * Where the client looks for it: absolute. A file that is given to a command by its name has a relative path, and is
   * the caller's to place.
   */
  readonly path: string;
  readonly format: FileFormat;
  readonly text: string;
}

export interface ClientConfiguration {
  /** The first one is the client's main file. */
  readonly files: readonly ClientFile[];
  /**
   * The commands to run then, one a line: a certificate is put to its place, the client reads its files anew. Empty when
   * it does by itself.
   */
  readonly reload: readonly string[];
  /** Sentences on what a person has to know: what the client does when the mirror is down, and what cannot be said to it. */
  readonly remarks: readonly string[];
  /** A pull that shows that it works: `docker pull busybox`. */
  readonly trial: string;
}

export interface ClientOptions {
  /** The folder of the user who runs the client without root, such as `/home/ada/.config`. Absent: the system's own. */
  readonly userConfigFolder?: string | undefined;
  /** The client's version, such as `24.0`. Absent: what every version that is in use can read, where there is such a thing. */
  readonly clientVersion?: string | undefined;
  /** What the mirror's own configuration says for a server that stands in front of it. */
  readonly front?: NginxOptions | undefined;
}

/** A row of the table of clients. */
export interface Client {
  /** What it is and what is written for it, in one line. */
  readonly describe: string;
  /** Without a mirror there is nothing to tell it. */
  readonly needsMirror: boolean;
  /** Throws UsageError for what cannot be said to this client. */
  readonly generate: (setup: ClientSetup, options: ClientOptions) => ClientConfiguration;
}
