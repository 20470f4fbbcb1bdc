// What a file may hold of a password: bcrypt as `htpasswd -B` writes it, and argon2id as a PHC string, which is ours.
import { type Argon2Parameters, argon2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string; readonly cost: number }
  | { readonly kind: 'argon2id'; readonly text: string; readonly parameters: Argon2Cost; readonly tag: Buffer };

interface Argon2Cost {
  readonly nonce: Buffer;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly tagLength: number;
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const BASE64 = '([A-Za-z0-9+/]{11,172})';
const ARGON2ID = new RegExp(String.raw`^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$${BASE64}\$${BASE64}$`);

// Whoever writes the file decides what a login costs, but not without end.
const MAX_BCRYPT_COST = 14;
const MAX_MEMORY_KIB = 256 * 1024;
const MAX_PASSES = 16;
const MAX_PARALLELISM = 16;
/** OWASP's least, which a small machine can do 30 times a second. */
const OURS = { memory: 19 * 1024, passes: 2, parallelism: 1, tagLength: 32 } as const;
const NONCE_BYTES = 16;

const argon2Async = promisify(argon2);

/** `undefined` for what is no such hash, or costs more than a login may. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const [, cost] = BCRYPT.exec(text) ?? [];
  if (cost !== undefined) {
    const isBounded = Number(cost) >= 4 && Number(cost) <= MAX_BCRYPT_COST;
    return isBounded ? { kind: 'bcrypt', text, cost: Number(cost) } : undefined;
  }
  const [, m, t, p, salt = '', digest = ''] = ARGON2ID.exec(text) ?? [];
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)];
  const [nonce, tag] = [Buffer.from(salt, 'base64'), Buffer.from(digest, 'base64')];
  const isBounded =
    memory >= 8 * parallelism &&
    memory <= MAX_MEMORY_KIB &&
    passes >= 1 &&
    passes <= MAX_PASSES &&
    parallelism >= 1 &&
    parallelism <= MAX_PARALLELISM &&
    nonce.length >= 8;
  if (!isBounded) return undefined;
  const parameters = { nonce, memory, passes, parallelism, tagLength: tag.length };
  return { kind: 'argon2id', text, parameters, tag };
}

/** As the data folder keeps it. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(NONCE_BYTES);
  const tag = await argon2Of(password, { ...OURS, nonce });
  return formatArgon2(nonce, tag);
}

/** The hash that no password has, for a name that no account has: it costs what the others do. */
export function hashOfNobody(): PasswordHash {
  const hash = parsePasswordHash(formatArgon2(randomBytes(NONCE_BYTES), randomBytes(OURS.tagLength)));
  if (hash === undefined) throw new Error('our own hashes can be read');
  return hash;
}

export function argon2Of(password: string, cost: Argon2Cost): Promise<Buffer> {
  const parameters: Argon2Parameters = { ...cost, message: Buffer.from(password, 'utf8') };
  return argon2Async('argon2id', parameters);
}

function formatArgon2(nonce: Buffer, tag: Buffer): string {
  const { memory, passes, parallelism } = OURS;
  const base64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`;
}
