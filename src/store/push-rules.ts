import type { RepositoryName } from '../oci/reference.ts';

/** What of other repositories, and of other clients, concerns one that pushes. */
export interface PushRules {
  /** As our store names the repository that the client names; `undefined` when he may not mount its blobs. */
  sourceOf(from: RepositoryName): RepositoryName | undefined;
  /** Whether he may read one of our store. */
  mayRead(stored: RepositoryName): boolean;
  /** `undefined`: uploads are called as they are here. */
  readonly uploads?: UploadNames | undefined;
}

/** How a client's uploads are called, so that nobody else's requests find them. */
export interface UploadNames {
  /** As the client is told. */
  outside(id: string): string;
  /** `undefined` for what is not his. */
  inside(name: string): string | undefined;
}
