// What whoever sends a request may do. The port between who serves repositories and who knows the accounts.
import type { Awaitable } from '../../async/awaitable.ts';
import type { UploadNames } from '../../store/push-rules.ts';
import type { HttpRequest } from '../distribution/request.ts';
import type { Action } from './policy.ts';

export interface Clients {
  /** Who sends it. Throws a Refusal for whoever may not even try. */
  of(asked: { readonly request: HttpRequest; readonly prefix?: string | undefined }): Awaitable<Client>;
}

/** A repository, by whatever route it was asked for. */
export interface CanonicalRepository {
  /** `docker.io/library/nginx` of an upstream, `team/app` of our own. */
  readonly canonical: string;
  /** As a client of the same host writes it: `ghcr.io/owner/app`, `library/nginx`. */
  readonly written: string;
  /** Whether it is one of our own. */
  readonly isHosted: boolean;
}

export interface Client {
  /** Throws DENIED, or UNAUTHORIZED with how to log in. */
  admit(action: Action, repository: CanonicalRepository): void;
  /** Throws UNAUTHORIZED for whoever has to log in before we answer anything. */
  admitToServer(what: 'ping' | 'catalog' | 'unknown'): void;
  /** Whether he may have what another route leads to, too: to mount it, to list it. */
  mayPull(repository: Pick<CanonicalRepository, 'canonical'>, call?: { readonly inCatalog: boolean }): boolean;
  /** Whether he is somebody for whom a login of ours may read what not everybody may. */
  readonly seesPrivate: boolean;
  /** How his uploads are called, so that nobody else's requests find them; `undefined`: as they are. */
  readonly uploads?: UploadNames | undefined;
}
