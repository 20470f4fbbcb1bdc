import type { Page as RowPage } from '../metadata/metadata-store.ts';

/** A page of names in byte order, those after `after`. */
export interface Page<T> {
  readonly after?: T | undefined;
  readonly limit: number;
}

export function rowPage({ after, limit }: Page<string>): RowPage {
  return { last: after, limit };
}
