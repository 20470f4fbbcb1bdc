import type { FindingKind } from './findings.ts';

/** What happens in a verification, for whoever shows it. It never prints. */
export type VerifyEvent =
  /** So many comparisons are to be made: of each wanted tag at each mirror. */
  | { readonly type: 'planned'; readonly comparisons: number; readonly mirrors: number }
  | { readonly type: 'compared'; readonly mirror: string; readonly finding: FindingKind }
  /** It is asked no more: all that is left of it is found like that. */
  | { readonly type: 'givenUp'; readonly mirror: string; readonly reason: string }
  | { readonly type: 'bytes'; readonly count: number };

export type OnVerifyEvent = (event: VerifyEvent) => void;
