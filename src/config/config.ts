// The configuration as the program uses it: merged with the defaults, in values with units, every path absolute.
import type { Platform } from '../oci/platform.ts';
import type { NOTIFIED_EVENTS } from './notify-schema.ts';
import type { ListenAddress } from './listen-address.ts';

export interface Config {
  readonly listen: readonly ListenAddress[];
  /** `undefined`: nowhere. */
  readonly admin: ListenAddress | undefined;
  /** Absent: plain HTTP. */
  readonly tls?: KeyPairFiles | undefined;
  readonly dataFolder: string;
  readonly externalUrl?: string | undefined;
  readonly serverNames: readonly string[];
  /** Addresses and CIDR ranges. */
  readonly trustedProxies: readonly string[];
  /** Where the nginx in front has the folder of blobs, without a slash at the end: `/_blobs`. */
  readonly accelRedirect?: string | undefined;
  /** `undefined`: there are none, and `anonymous` decides. */
  readonly accounts?: AccountsConfig | undefined;
  /** What whoever reaches a server without accounts may do; `local`: nobody else reaches it. */
  readonly anonymous: 'local' | 'pull' | 'everything';
  /** A key of `upstreams`. `undefined`: a request that names no upstream means none. */
  readonly defaultUpstream?: string | undefined;
  /** By the registry's name as references have it: `docker.io`. */
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  /** Patterns of the repositories of our own, without a tag. */
  readonly hosted: readonly string[];
  /** NAME or NAME:TAG patterns of hosted tags that do not move. */
  readonly immutableTags: readonly string[];
  readonly limits: LimitsConfig;
  readonly cache: CacheConfig;
  readonly sync: readonly SyncJobConfig[];
  readonly notify: readonly WebhookConfig[];
}

/** PEM files. */
export interface KeyPairFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

interface LimitsConfig {
  readonly total: UseLimitsConfig;
  readonly perClient: UseLimitsConfig;
}

/** `Infinity`: no limit. */
interface UseLimitsConfig {
  readonly connections: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly uploads: number;
}

export interface AccountsConfig {
  readonly htpasswdFile?: string | undefined;
  /** Accounts by group. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly policy: readonly PolicyRuleConfig[];
  /** The audience of tokens. */
  readonly service: string;
  readonly tokenLifetimeMs: number;
}

interface PolicyRuleConfig {
  /** Patterns of canonical names. */
  readonly repositories: readonly string[];
  /** `*`: all of them. */
  readonly accounts: readonly string[];
  readonly groups: readonly string[];
  readonly anonymous: boolean;
  /** Addresses and CIDR ranges. */
  readonly networks: readonly string[];
  readonly allow: readonly ('pull' | 'push' | 'delete' | 'fill' | 'admin')[];
}

/** How a registry is reached and what it may be told. */
export interface EndpointConfig {
  /** The root of its API without `/v2` and without a slash at the end: `https://registry-1.docker.io`. */
  readonly url: string;
  /** Absent: what a credential store has for the registry. */
  readonly credentials?: Login | LoginCommand | 'anonymous' | undefined;
  /** Token servers besides the registry's own origin that may see the credentials. */
  readonly realms: readonly string[];
  /** A file with the certificates to trust. */
  readonly caFile?: string | undefined;
  /** Certificates are not checked. */
  readonly insecure: boolean;
  /** What we show to a registry that asks for a certificate. */
  readonly clientCertificate?: KeyPairFiles | undefined;
  /** A URL, or `direct`. Absent: what the environment says. */
  readonly proxy?: string | undefined;
  /** Absent: the built-in rate of the host, if it has one. */
  readonly ratePerSecond?: number | undefined;
}

interface Login {
  readonly username: string;
  readonly password: string;
}

interface LoginCommand {
  /** The program, with an absolute path or none, and its arguments. */
  readonly exec: readonly [program: string, ...args: string[]];
  /** Absent: the command is a credential helper. With one, it prints the password. */
  readonly username?: string | undefined;
  /** Zero: each time that a login is needed. */
  readonly lifetimeMs: number;
}

export interface UpstreamConfig extends EndpointConfig {
  readonly name: string;
  /** A template: where the upstream's repositories are at `url`. */
  readonly repository: string;
  /** Absent: this upstream has no web API like Docker Hub's. */
  readonly hubApi?: string | undefined;
  /** A path component that means this upstream, besides its name. */
  readonly path?: string | undefined;
  /** Lower case: `docker.mirror.example`, `mirror.example:5002` or `:5002`. */
  readonly hosts: readonly string[];
  readonly public: boolean;
  /** Patterns of what may be asked for. */
  readonly repositories: readonly string[];
  /** In the order in which they are asked. */
  readonly mirrors: readonly MirrorConfig[];
  readonly freshForMs: number;
  readonly staleForMs: number;
  /** NAME or NAME:TAG patterns. */
  readonly immutable: readonly string[];
  /** Pulls of the window that sync leaves to clients. */
  readonly reservedPulls: number;
}

type MirrorContent = 'manifests' | 'blobs';

export interface MirrorConfig extends EndpointConfig {
  readonly repository: string;
  readonly repositories: readonly string[];
  readonly for: readonly MirrorContent[];
}

interface CacheConfig {
  /** `Infinity`: no bound. */
  readonly maxSizeBytes: number;
  /** `Infinity`: never. */
  readonly maxIdleMs: number;
  /** `Infinity`: never. */
  readonly maxAgeMs: number;
}

export interface SyncJobConfig {
  readonly name: string;
  /** A key of `upstreams`. */
  readonly from: string;
  readonly catalog: CatalogConfig;
  readonly include: SelectionConfig;
  readonly exclude: SelectionConfig;
  readonly semver: SemverConfig;
  /** Of each minor version only the latest patch. */
  readonly latestPatch: boolean;
  readonly newest?: number | undefined;
  readonly minAgeMs: number;
  /** `Infinity`: however old. */
  readonly maxAgeMs: number;
  readonly platforms: 'all' | readonly Platform[];
  /** At least one. */
  readonly to: readonly TargetConfig[];
  /** `Infinity`: never. */
  readonly pruneAfterMs: number;
  readonly state: 'data' | 'target';
  readonly schedule?: ScheduleConfig | undefined;
}

export interface ScheduleConfig {
  /** Five fields that come around. */
  readonly cron: string;
  /** An IANA name. */
  readonly timeZone: string;
  /** At most so much later. */
  readonly jitterMs: number;
}

export type NotifiedEvent = (typeof NOTIFIED_EVENTS)[number];

export interface WebhookConfig {
  /** May hold a token: only its host is ever shown. */
  readonly url: string;
  readonly secret: string;
  readonly on: readonly NotifiedEvent[];
}

export type CatalogConfig =
  | { readonly kind: 'official-images'; readonly repository: string; readonly revision?: string | undefined }
  | { readonly kind: 'hub'; readonly namespace: string }
  | { readonly kind: 'file'; readonly file: string }
  /** As in a list file: `nginx:1.26,1.27`. */
  | {
      readonly kind: 'images';
      readonly images: readonly string[];
      /** What messages call the list. */ readonly file?: string;
    }
  | { readonly kind: 'registry'; readonly endpoint: EndpointConfig; readonly repositories: readonly string[] }
  /** All that any of them lists; none of them is a union itself. */
  | { readonly kind: 'union'; readonly catalogs: readonly CatalogConfig[] };

/** NAME or NAME:TAG patterns, written here or one a line in files. */
export interface SelectionConfig {
  readonly patterns: readonly string[];
  readonly files: readonly string[];
}

export interface SemverConfig {
  /** The range for every name that `byName` does not have. */
  readonly range?: string | undefined;
  readonly byName: ReadonlyMap<string, string>;
}

export type TargetConfig =
  | { readonly kind: 'store' }
  /** `repository` is a template; one that ends in `/` is a prefix. */
  | {
      readonly kind: 'registry';
      readonly endpoint: EndpointConfig;
      readonly repository: string;
      /** At a Harbor: projects that it lacks are made. */
      readonly createProjects: boolean;
    };
