import type { HttpRequest } from '../distribution/request.ts';

/** What the admin listener tells of a server, and may ask of it. */
export interface AdminSubject {
  /** A sentence for people, or `undefined` while the server can do its work. */
  whyNotReady(): Promise<string | undefined>;
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
  upstreams(): readonly UpstreamStatus[];
  /**
   * Asks the reference's upstream what its tag means now. Throws OciError for a reference that is none, or that its
   * upstream does not have or does not give us, and UpstreamFailure when it gives no answer.
   */
  refresh(reference: string, request: HttpRequest): Promise<RefreshedTag>;
}

/** As JSON tells it. */
export interface UpstreamStatus {
  /** `docker.io`. */
  readonly name: string;
  /**
   * `limited`: no pulls are left, and it is not asked. `paused`: it is left alone for a while, on its own word or as it
   * failed many times. `down`: it has done nothing but fail for minutes. `ok` also where nobody has asked it yet.
   */
  readonly state: 'ok' | 'limited' | 'paused' | 'down';
  /** `null`: it does not meter, or has not said so yet. `resetsBy`: when all pulls are back, at the latest. */
  readonly pulls: {
    readonly limit: number;
    readonly remaining: number;
    readonly windowSeconds: number;
    readonly resetsBy: string;
  } | null;
  /** One with a `lie` is asked no more. */
  readonly mirrors: readonly {
    readonly url: string;
    readonly lie?: { readonly digest: string; readonly proof: string } | undefined;
  }[];
}

/** As JSON tells it. */
export interface RefreshedTag {
  /** In full: `docker.io/library/nginx:latest`. */
  readonly reference: string;
  readonly digest: string;
  /** When the upstream said so. */
  readonly asOf: string;
  /** Whether the tag meant something else here until now, or nothing. */
  readonly changed: boolean;
}
