/** What is found out about a request while it is answered: for the log, and never for its answer. */
export interface RequestFacts {
  /** The client's address, where a proxy that is trusted brought the request. */
  client?: string | undefined;
  /** Whoever has proved to be somebody. */
  account?: string | undefined;
  /** The id of the robot's token that proves it. */
  token?: string | undefined;
  /** `push`, `fill` and so on as policy calls it, or what the admin listener was asked to do. */
  action?: string | undefined;
  /** As policy calls it, by whatever route it was asked for. */
  repository?: string | undefined;
  /** A tag; several with commas between; of the admin listener an image. */
  reference?: string | undefined;
  digest?: string | undefined;
  job?: string | undefined;
}
