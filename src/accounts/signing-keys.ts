// The keys of the token service, which the processes of a data folder share. The newest signs; those before it verify
// until the last token that they signed is over.
import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type JsonWebKey,
} from 'node:crypto';
import type { AccountStore } from './account-store.ts';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export interface SigningKeysOptions {
  readonly store: AccountStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long after a newer one came a key is kept. */
  readonly keepForMs: number;
}

const NEW_AFTER_MS = 30 * 86_400_000;
/** A process hears of another's key when a token names it, so at most so often. */
const LOOK_EVERY_MS = 1000;

export class SigningKeys {
  readonly #options: SigningKeysOptions;
  /** The newest first. */
  #keys: readonly (SigningKey & { readonly createdAtMs: number; readonly publicKey: KeyObject })[] = [];
  #lookedAtMs = -Infinity;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** The key that signs now; it is made when there is none, or when it is old. */
  current(): SigningKey {
    this.#look();
    const [newest] = this.#keys;
    if (newest !== undefined && newest.createdAtMs > this.#options.now() - NEW_AFTER_MS) return newest;
    this.#replace(newest?.kid);
    const [made] = this.#keys;
    if (made === undefined) throw new Error('a key was just made');
    return made;
  }

  /** `undefined` for a name that no key of ours has: nothing else is ever made of it. */
  verifying(kid: string): KeyObject | undefined {
    if (this.#keys.every((key) => key.kid !== kid)) this.#look();
    const { now, keepForMs } = this.#options;
    // Whose successor is so old signed nothing that is still good: whoever uses it has stolen it.
    const isOver = (nth: number) => (this.#keys[nth - 1]?.createdAtMs ?? Infinity) < now() - keepForMs;
    return this.#keys.find((key, nth) => key.kid === kid && !isOver(nth))?.publicKey;
  }

  /** Other processes may have rotated meanwhile: whoever comes first makes the key. */
  #replace(newest: string | undefined): void {
    const { store } = this.#options;
    store.transaction(() => {
      const [row] = store.read('SELECT kid FROM signing_keys ORDER BY created_at DESC LIMIT 1');
      if (row?.['kid'] === newest) rotateKeys(this.#options);
    });
    this.#lookedAtMs = -Infinity;
    this.#look();
  }

  #look(): void {
    const nowMs = this.#options.now();
    if (Math.abs(nowMs - this.#lookedAtMs) < LOOK_EVERY_MS) return;
    this.#lookedAtMs = nowMs;
    const rows = this.#options.store.read('SELECT * FROM signing_keys ORDER BY created_at DESC');
    const known = new Map(this.#keys.map((key) => [key.kid, key]));
    this.#keys = rows.map((row) => {
      const kid = String(row['kid']);
      const key = known.get(kid);
      if (key !== undefined) return key;
      const privateKey = createPrivateKey({ key: JSON.parse(String(row['private_jwk'])) as JsonWebKey, format: 'jwk' });
      return { kid, privateKey, publicKey: createPublicKey(privateKey), createdAtMs: Number(row['created_at']) };
    });
  }
}

/** A new key signs from now on, in every process within a second. Those whose tokens are all over go. */
export function rotateKeys({ store, now, keepForMs }: SigningKeysOptions): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = thumbprint(publicKey);
  const nowMs = now();
  store.write(
    `DELETE FROM signing_keys WHERE created_at <
       (SELECT max(created_at) FROM signing_keys WHERE created_at < ?)`,
    nowMs - keepForMs,
  );
  store.write(
    'INSERT INTO signing_keys VALUES (?, ?, ?)',
    kid,
    JSON.stringify(privateKey.export({ format: 'jwk' })),
    nowMs,
  );
  return kid;
}

/** RFC 7638. */
function thumbprint(publicKey: KeyObject): string {
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');
}
