import { Refusal } from './errors.ts';
import type { Awaitable } from '../../async/awaitable.ts';
import type { Page } from './hosted-repository.ts';
import type { HttpRequest } from './request.ts';

/** A list of 10,000 tags of full length is 1.3 MB. */
const MAX_PAGE = 10_000;

/**
 * What `n` and `last` ask for: distribution-spec §Listing Tags. Throws PAGINATION_NUMBER_INVALID, or what `parse`
 * throws.
 */
export function pageOf<T>(request: HttpRequest, parse: (last: string) => T, defaultLimit = MAX_PAGE): Page<T> {
  const last = request.query.get('last');
  return {
    limit: limitOf(request.query.get('n'), defaultLimit),
    ...(last !== null && last !== '' && { after: parse(last) }),
  };
}

function limitOf(text: string | null, defaultLimit: number): number {
  if (text === null) return defaultLimit;
  if (!/^\d+$/.test(text)) {
    throw new Refusal(400, 'PAGINATION_NUMBER_INVALID', `n is a whole number from 0, not "${text.slice(0, 100)}"`);
  }
  return Math.min(Number(text), MAX_PAGE);
}

/**
 * Asks for one more than fits, which tells whether a page follows: `next` is its query. A page of none is followed by none.
 */
export async function readPage<T extends string>(
  page: Page<T>,
  list: (page: Page<T>) => Awaitable<readonly T[]>,
): Promise<{ readonly items: readonly T[]; readonly next?: URLSearchParams }> {
  const found = await list({ ...page, limit: page.limit + 1 });
  const items = found.slice(0, page.limit);
  const last = items.at(-1);
  if (last === undefined || found.length <= page.limit) return { items };
  return { items, next: new URLSearchParams({ last, n: String(page.limit) }) };
}
