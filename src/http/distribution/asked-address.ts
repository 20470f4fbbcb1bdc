import type { RepositoryName } from '../../oci/reference.ts';
import type { Answer } from './answer.ts';
import type { HttpRequest } from './request.ts';

/** A repository as its client addresses it: where it is told to go on leads to the same one again. */
export class AskedAddress {
  readonly name: RepositoryName;
  readonly #root: string;
  readonly #ns: string | null;

  /** `prefix` is what stands before `/v2`. */
  constructor(name: RepositoryName, prefix: string | undefined, { query }: Pick<HttpRequest, 'query'>) {
    this.name = name;
    this.#root = `${prefix === undefined ? '' : `/${prefix}`}/v2/${name}`;
    this.#ns = query.get('ns');
  }

  /** Below the repository: `blobs/uploads/1`. Relative to the server, as whoever stands before us may have another name. */
  location(path: string, query = new URLSearchParams()): string {
    if (this.#ns !== null) query.set('ns', this.#ns);
    return query.size === 0 ? `${this.#root}/${path}` : `${this.#root}/${path}?${query.toString()}`;
  }

  /** RFC 8288. */
  nextPage(path: string, query: URLSearchParams): Answer['headers'] {
    return { link: `<${this.location(path, query)}>; rel="next"` };
  }
}
