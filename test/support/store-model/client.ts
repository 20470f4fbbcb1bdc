// A client as the actions have it: repositories that it knows, choices, and a wire.
import { type Digest, algorithmOf, digestOf } from '../../../src/oci/digest.ts';
import type { KnownRepository } from './known-repository.ts';
import type { Random } from './random.ts';
import { type Answer, CutOff, type Sending, type Wire } from './wire.ts';

export interface Client {
  readonly random: Random;
  readonly wire: Wire;
  /** Its own ones. */
  readonly repositories: readonly KnownRepository[];
  /** Where something may be mounted from. */
  readonly neighbours: readonly string[];
}

/** Something that a client does to one repository. Rejects when the registry breaks a promise. */
export type Action = (client: Client, repository: KnownRepository) => Promise<void>;

export function at({ name }: KnownRepository, path: string): string {
  return `/v2/${name}/${path}`;
}

/** Throws unless it is what its digest says. */
export function checkDigest(bytes: Uint8Array, digest: Digest): void {
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) throw new Error(`${bytes.byteLength} bytes that were served as ${digest} hash to ${found}`);
}

/** Asks for a change, and notes that it happened, that it may have (`false`), or nothing when it was refused. */
export async function change(
  { wire }: Client,
  [method, path, sending]: readonly [method: string, path: string, sending: Sending],
  note: (isAcknowledged: boolean) => void,
): Promise<Answer> {
  try {
    const answer = await wire.send(method, path, sending);
    if (answer.status < 300) note(true);
    return answer;
  } catch (error) {
    if (error instanceof CutOff) note(false);
    throw error;
  }
}
