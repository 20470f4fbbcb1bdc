// What is no token of ours, however it is dressed up: each of these opens nothing.
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type JWTPayload, SignJWT, UnsecuredJWT, exportJWK, exportSPKI } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { AccountName } from '../../accounts/account-name.ts';
import { AccountStore } from '../../accounts/account-store.ts';
import { SigningKeys, rotateKeys } from '../../accounts/signing-keys.ts';
import { AccessTokens, type TokenContent } from './access-token.ts';

const LIFETIME_MS = 300_000;
const CONTENT: TokenContent = {
  proof: { account: 'ann' as AccountName, credential: 'c' },
  access: new Map([['docker.io/library/nginx', ['pull']]]),
  listsCatalog: false,
};

let folder: string;
let store: AccountStore;
let clock: FakeClock;
let keys: SigningKeys;
let tokens: AccessTokens;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-tokens-'));
  store = AccountStore.open(folder);
  clock = new FakeClock();
  keys = new SigningKeys(keyOptions());
  tokens = tokensFor('mirror.example');
});
afterEach(() => {
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const now = () => clock.now();
const keyOptions = () => ({ store, now, keepForMs: LIFETIME_MS + 60_000 });
const tokensFor = (service: string) => new AccessTokens({ keys, service, lifetimeMs: LIFETIME_MS, now });

/** A good token, but for these claims and header, signed with our own key. */
async function forged(claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const { kid, privateKey } = keys.current();
  return await new SignJWT({ ...goodClaims(), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid, ...header })
    .sign(privateKey);
}

function goodClaims(): JWTPayload {
  const atS = Math.floor(clock.now() / 1000);
  const access = [{ type: 'repository', name: 'docker.io/library/nginx', actions: ['pull'] }];
  const [iss, aud, sub, credential, jti] = ['wharf', 'mirror.example', 'ann', 'c', 'j'];
  return { iss, aud, sub, credential, jti, iat: atS, nbf: atS, exp: atS + 300, access };
}

test('a token says who bought it and what it is for', async () => {
  expect(await tokens.verify(await tokens.sign(CONTENT))).toMatchObject(CONTENT);
  expect(await tokens.verify(await forged({}))).toMatchObject(CONTENT);
});

test('one of nobody names nobody', async () => {
  const token = await tokens.sign({ proof: undefined, access: new Map(), listsCatalog: true });
  expect(await tokens.verify(token)).toMatchObject({ proof: undefined, listsCatalog: true });
});

const [later, earlier] = [(s: number) => Math.floor(clock.now() / 1000) + s, (s: number) => later(-s)];
test.each<[string, () => Promise<string> | string]>([
  ['without a signature', () => new UnsecuredJWT(goodClaims()).encode()],
  ['whose algorithm is none, with our key named', () => unsigned({ alg: 'none', typ: 'JWT', kid: keys.current().kid })],
  ['signed with HS256 and our public key as the secret', () => hmacWithPublicKey()],
  ['signed with another key under the name of ours', () => withOwnKey({ kid: keys.current().kid })],
  ['that brings its key along', async () => withOwnKey({ jwk: await exportJWK(OWN.publicKey) })],
  ['that says where its key is', () => withOwnKey({ jku: 'http://127.0.0.1:1/jwks.json' })],
  ['that says where its certificate is', () => withOwnKey({ x5u: 'http://127.0.0.1:1/cert.pem' })],
  ['that brings its certificate along', () => withOwnKey({ x5c: ['MIIB'] })],
  ['of ours that brings a key along all the same', async () => forged({}, { jwk: await exportJWK(OWN.publicKey) })],
  ['that names a file as its key', () => withOwnKey({ kid: '../../../../dev/null' })],
  ['that names a statement as its key', () => withOwnKey({ kid: "' OR '1'='1" })],
  ['without the name of a key', () => withOwnKey({})],
  ['that is over', () => forged({ iat: earlier(400), nbf: earlier(400), exp: earlier(100) })],
  ['that is not yet good', () => forged({ nbf: later(60) })],
  ['of the future', () => forged({ iat: later(60), exp: later(300) })],
  ['without an end', () => forged({ exp: undefined as never })],
  ['that lives longer than any of ours', () => forged({ exp: later(86_400) })],
  ['for another audience', () => forged({ aud: 'other.example' })],
  ['of another issuer', () => forged({ iss: 'https://auth.docker.io/token' })],
  ['of nobody that claims a name', () => forged({ sub: '../ann' })],
  ['of somebody who proved nothing', () => forged({ credential: undefined })],
  ['whose access is none', () => forged({ access: 'repository:library/nginx:pull' })],
  ['of another type', () => forged({}, { typ: 'at+jwt' })],
  ['that is larger than any of ours', () => forged({ filler: 'x'.repeat(9000) })],
  ['that was changed', async () => flipLast(await tokens.sign(CONTENT))],
  ['that is none at all', () => 'a.b.c'],
  ['that is empty', () => ''],
])('a token %s is worth nothing', async (_, make) => {
  keys.current();
  expect(await tokens.verify(await make())).toBeUndefined();
});

const OWN = generateKeyPairSync('ec', { namedCurve: 'P-256' });

async function withOwnKey(header: Record<string, unknown>): Promise<string> {
  return await new SignJWT(goodClaims())
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...header })
    .sign(OWN.privateKey);
}

function unsigned(header: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(goodClaims())}.`;
}

/** What a verifier falls for that takes the algorithm from the token. */
async function hmacWithPublicKey(): Promise<string> {
  const { kid } = keys.current();
  const publicKey = keys.verifying(kid);
  if (publicKey === undefined) throw new Error('there is a key');
  const signed = unsigned({ alg: 'HS256', typ: 'JWT', kid }).slice(0, -1);
  return `${signed}.${createHmac('sha256', await exportSPKI(publicKey))
    .update(signed)
    .digest('base64url')}`;
}

/** Of the claims: the last characters of a signature may mean nothing. */
function flipLast(token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const text = Buffer.from(claims, 'base64url').toString().replace('nginx', 'redis');
  return [header, Buffer.from(text).toString('base64url'), signature].join('.');
}

test('a new key signs, and what the one before signed is good until it ends', async () => {
  const before = await tokens.sign(CONTENT);
  const first = keys.current().kid;
  clock.advance(1000);
  rotateKeys(keyOptions());
  clock.advance(1000);
  expect(keys.current().kid).not.toBe(first);
  expect(await tokens.verify(before)).toBeDefined();
  const { privateKey } = new SigningKeys(keyOptions()).current();
  clock.advance(LIFETIME_MS + 61_000);
  // Whoever has stolen the old key signs with it in vain.
  expect(keys.verifying(first)).toBeUndefined();
  expect(privateKey.type).toBe('private');
});

test("the processes of a data folder take each other's tokens, also of a key that came just now", async () => {
  const other = new AccessTokens({
    keys: new SigningKeys(keyOptions()),
    service: 'mirror.example',
    lifetimeMs: LIFETIME_MS,
    now,
  });
  expect(await other.verify(await tokens.sign(CONTENT))).toBeDefined();
  clock.advance(2000);
  rotateKeys(keyOptions());
  clock.advance(2000);
  expect(await other.verify(await tokens.sign(CONTENT))).toBeDefined();
});

test('a key is replaced when it is a month old', () => {
  const first = keys.current().kid;
  clock.advance(31 * 86_400_000);
  expect(keys.current().kid).not.toBe(first);
});
