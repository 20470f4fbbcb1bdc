/** What a check of a client found: a sentence. */
export interface ClientFinding {
  readonly state: 'ok' | 'wrong' | 'not tried';
  readonly message: string;
  /** Commands that lead round it. */
  readonly wayRound?: readonly string[] | undefined;
}

export const ok = (message: string): ClientFinding => ({ state: 'ok', message });
export const wrong = (message: string): ClientFinding => ({ state: 'wrong', message });
export const notTried = (message: string): ClientFinding => ({ state: 'not tried', message });
