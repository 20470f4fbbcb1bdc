import { type Proof, tokenIn } from '../../accounts/accounts.ts';
import type { HttpRequest } from '../distribution/request.ts';

/** Tells the log whose request it is. */
export function noteProof(request: HttpRequest, proof: Proof | undefined): void {
  if (proof === undefined) return;
  request.note?.('account', proof.account);
  const token = tokenIn(proof);
  if (token !== undefined) request.note?.('token', token);
}
