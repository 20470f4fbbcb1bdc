/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

const MAX_SHOWN = 80;

/** `upstreams["docker.io"].mirrors[0].url` */
export function formatPath(path: Path): string {
  const text = path.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(shorten(key))}]`;
  });
  return text.join('').replace(/^\./, '');
}

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
