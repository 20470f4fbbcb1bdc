/** What a request to a registry is for; each kind is counted on its own, as some of them are paid for. */
export type RequestKind =
  | 'manifestGet'
  | 'manifestHead'
  | 'manifestPut'
  | 'blobGet'
  | 'blobHead'
  | 'blobPut'
  | 'mount'
  | 'upload'
  | 'tagList'
  | 'token'
  | 'api'
  /** Where another request was sent on to. */
  | 'redirect'
  | 'ping';

/** The requests and bytes exchanged with one registry. Every attempt counts, the failed and repeated ones too. */
export class Traffic {
  readonly #requests = new Map<RequestKind, number>();
  receivedBytes = 0;
  sentBytes = 0;

  count(kind: RequestKind): void {
    this.#requests.set(kind, this.requests(kind) + 1);
  }

  requests(kind: RequestKind): number {
    return this.#requests.get(kind) ?? 0;
  }
}
