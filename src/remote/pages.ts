import { nextLink } from './link.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRegistry } from './remote-registry.ts';
import type { SendResponse } from './send.ts';

export interface PagedList {
  readonly registry: RemoteRegistry;
  readonly first: URL;
  /** For messages: `the tags of library/nginx`. */
  readonly what: string;
  readonly ask: (page: { readonly url: URL; readonly maxBodyBytes: number }) => Promise<SendResponse>;
  /** Takes a page's JSON and tells how many new things it had; throws when it is not such a page. */
  readonly onPage: (body: unknown) => number;
}

const MAX_PAGE_BYTES = 32 * 1024 * 1024;
const MAX_ENTRIES = 1_000_000;

/**
 * Reads a list of a registry, following its links (distribution-spec §Listing Tags). A page that brings nothing new
 * ends it, or a server could make us turn pages for ever.
 */
export async function readPages({ registry, first, what, ask, onPage }: PagedList): Promise<void> {
  let count = 0;
  for (let url: URL | undefined = first; url !== undefined;) {
    const response = await ask({ url, maxBodyBytes: MAX_PAGE_BYTES });
    if (response.status !== 200) throw await registry.errorFrom(response, what);
    const fresh = onPageOf(await response.body.bytes(MAX_PAGE_BYTES), registry.host, what, onPage);
    count += fresh;
    url = fresh > 0 && count < MAX_ENTRIES ? nextLink(response.headers.get('link'), url) : undefined;
  }
}

function onPageOf(bytes: Uint8Array, host: string, what: string, onPage: PagedList['onPage']): number {
  try {
    return onPage(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new RemoteError(host, 'NOT_A_REGISTRY', `answered with something that is not a list for ${what}`, { cause });
  }
}
