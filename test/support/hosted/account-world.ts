// A server with accounts in this process, and clients that log in as the real ones do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hashSync } from 'bcryptjs';
import type { RegistryServer } from '../../../src/app/registry-server.ts';
import { describeAddress } from '../../../src/app/open-server.ts';
import { type Opening, openRegistryServer } from './open-server.ts';

export interface AccountWorld extends AsyncDisposable {
  readonly folder: string;
  readonly htpasswd: string;
  readonly url: string;
  readonly server: RegistryServer;
  readonly send: (method: string, at: string, more?: Sent) => Promise<Response>;
  readonly statusOf: (method: string, at: string, more?: Sent) => Promise<number>;
  /** What the token service answers. */
  readonly tokenAnswer: (query: string, more?: Sent) => Promise<Response>;
  readonly token: (login: string | undefined, ...scopes: readonly string[]) => Promise<string>;
}

interface Sent {
  /** `ann:password`, or a token. */
  readonly as?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly body?: NonNullable<RequestInit['body']>;
}

/** Each one's password is `NAME-password-1`. The least cost that bcrypt has: nobody is to guess these. */
export function htpasswdOf(...names: readonly string[]): string {
  return names.map((name) => `${name}:${hashSync(`${name}-password-1`, 4).replace(/^\$2b/, '$2y')}\n`).join('');
}

export const loginOf = (name: string) => `${name}:${name}-password-1`;

export interface AccountWorldOptions {
  readonly names?: readonly string[];
  readonly accounts?: Record<string, unknown>;
  readonly more?: Record<string, unknown>;
  readonly folder?: string;
  readonly opening?: Pick<Opening, 'log' | 'onRequest' | 'config'>;
}

export async function openAccountWorld({
  names = ['ann', 'bob', 'root'],
  accounts = {},
  more = { upstreams: {}, hosted: ['**'] },
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-accounts-')),
  opening = {},
}: AccountWorldOptions = {}): Promise<AccountWorld> {
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  const htpasswd = path.join(folder, 'htpasswd');
  writeFileSync(htpasswd, htpasswdOf(...names));
  // YAML takes JSON as it is.
  const yaml = JSON.stringify({ ...more, accounts: { htpasswd, ...accounts } });
  const server = opened.use(await openRegistryServer(path.join(folder, 'data'), { yaml, ...opening }));
  const [address] = server.addresses;
  const url = describeAddress(address!);
  const send: AccountWorld['send'] = (method, at, { as, headers, body } = {}) =>
    fetch(`${url}${at}`, {
      method,
      redirect: 'manual',
      headers: { ...(as !== undefined && { authorization: authorizationOf(as) }), ...headers },
      ...(body !== undefined && { body }),
    });
  const tokenAnswer: AccountWorld['tokenAnswer'] = (query, more_) => send('GET', `/token?${query}`, more_);
  const running = opened.move();
  return {
    folder,
    htpasswd,
    url,
    server,
    send,
    async statusOf(method, at, sent) {
      const answer = await send(method, at, sent);
      await answer.arrayBuffer();
      return answer.status;
    },
    tokenAnswer,
    async token(login, ...scopes) {
      const query = new URLSearchParams(scopes.map((scope): [string, string] => ['scope', scope]));
      const answer = await tokenAnswer(query.toString(), { as: login });
      if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
      return ((await answer.json()) as { token: string }).token;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function authorizationOf(as: string): string {
  return as.includes(':') ? `Basic ${Buffer.from(as).toString('base64')}` : `Bearer ${as}`;
}
