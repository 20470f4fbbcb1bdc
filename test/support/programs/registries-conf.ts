/** A registries.conf that goes to `host`, over plain HTTP, for what is the upstreams'. */
export interface RegistriesConf {
  readonly host: string;
  /** Upstreams whose names stay as they are, with a mirror in front. */
  readonly plain?: readonly string[] | undefined;
  /** Upstreams with a mirror in front that has their name in its path. */
  readonly prefixed?: readonly string[] | undefined;
  /** The same without the upstream behind it. */
  readonly replaced?: readonly string[] | undefined;
}

/** As containers-registries.conf(5) has it. */
export function registriesConf({ host, plain = [], prefixed = [], replaced = [] }: RegistriesConf): string {
  const mirrored = (upstream: string, location: string) =>
    `[[registry]]\nlocation = "${upstream}"\n[[registry.mirror]]\nlocation = "${location}"\ninsecure = true\n`;
  return [
    ...plain.map((upstream) => mirrored(upstream, host)),
    ...prefixed.map((upstream) => mirrored(upstream, `${host}/${upstream}`)),
    ...replaced.map(
      (upstream) => `[[registry]]\nprefix = "${upstream}"\nlocation = "${host}/${upstream}"\ninsecure = true\n`,
    ),
  ].join('');
}
