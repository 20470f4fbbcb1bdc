/** What docker and skopeo look at to find their files, and to run their helpers. */
export interface ClientSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
}
