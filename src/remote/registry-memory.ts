import type { Challenge } from './challenge.ts';

export interface Token {
  readonly text: string;
  readonly expiresMs: number;
}

/**
 * What is learnt of a registry with one login. Plain values, and no work that is still on its way: where each request has
 * to do its own work, as in a Worker, this is what they can share.
 */
export class RegistryMemory {
  readonly tokens = new Map<string, Token>();
  /** How the registry wants to be told who asks. */
  challenge: Challenge | undefined;
  /** Whether it was asked for its challenge. */
  isPinged = false;
  /** Whether an answer has said how many pulls are left, or that none are counted. */
  hasHeardOfPulls = false;
  /** For want of pulls. */
  refusedUntilMs = 0;
}
