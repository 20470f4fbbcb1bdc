// What a robot shows instead of a password: 256 random bits. Nobody guesses them, so a plain hash is enough to keep, and
// the hash alone finds the token.
import { hash, randomBytes } from 'node:crypto';

const PREFIX = 'wharf_';
const TOKEN = /^wharf_[\w-]{43}$/;

/** Its prefix lets scanners of leaked secrets find it. */
export function newSecretToken(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`;
}

export function isSecretToken(text: string): boolean {
  return TOKEN.test(text);
}

export function hashOfSecret(secret: string): string {
  return hash('sha256', secret, 'base64url');
}
