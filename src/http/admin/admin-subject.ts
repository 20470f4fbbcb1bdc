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
  readonly jobs: AdministeredJobs;
}

/** What may be asked of a job. */
export type JobCommand = 'run' | 'pause' | 'resume' | 'cancel';
export const JOB_COMMANDS: readonly JobCommand[] = ['run', 'pause', 'resume', 'cancel'];

export interface AdministeredJobs {
  list(): readonly JobStatus[];
  /** With its last runs, the latest first; `undefined` when there is no such job. */
  find(job: string): (JobStatus & { readonly runs: readonly RunStatus[] }) | undefined;
  /** Throws JobRefusal when the job is not in a state for that. `undefined` when there is no such job. */
  command(job: string, command: JobCommand): JobStatus | undefined;
}

/** Why a job does not do what it was told. */
export class JobRefusal extends Error {
  override readonly name = 'JobRefusal';
}

/** As JSON tells it. */
export interface JobStatus {
  readonly name: string;
  readonly schedule: string | null;
  readonly timeZone: string | null;
  /** The schedule is not followed. */
  readonly paused: boolean;
  /** Also where another process runs it. */
  readonly running: boolean;
  readonly last: RunStatus | null;
  /** `null`: it has no schedule, is paused, or no server has followed its schedule yet. */
  readonly next: { readonly at: string; readonly reason: string } | null;
}

/** As JSON tells it. */
export interface RunStatus {
  readonly reason: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: string;
  readonly exitCode?: number | undefined;
  readonly tags?: Readonly<Record<string, number>> | undefined;
  readonly images?: Readonly<Record<string, number>> | undefined;
  readonly revision?: string | undefined;
  readonly failures?:
    | readonly { readonly reference: string; readonly code: string; readonly message: string }[]
    | undefined;
  readonly message?: string | undefined;
  /** When all pulls are back. */
  readonly resumesAt?: string | undefined;
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
