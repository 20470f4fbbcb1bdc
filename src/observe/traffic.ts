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
  | 'referrers'
  | 'delete'
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

  /** What has been exchanged since a copy of this was taken. */
  since(before: Traffic): Traffic {
    const difference = this.copy();
    for (const [kind, count] of before.#requests) difference.#requests.set(kind, this.requests(kind) - count);
    difference.receivedBytes -= before.receivedBytes;
    difference.sentBytes -= before.sentBytes;
    return difference;
  }

  copy(): Traffic {
    const copy = new Traffic();
    for (const [kind, count] of this.#requests) copy.#requests.set(kind, count);
    copy.receivedBytes = this.receivedBytes;
    copy.sentBytes = this.sentBytes;
    return copy;
  }

  /** How many of each kind there were, where there were any. */
  get counts(): ReadonlyMap<RequestKind, number> {
    return this.#requests;
  }

  requests(kind: RequestKind): number {
    return this.#requests.get(kind) ?? 0;
  }
}
