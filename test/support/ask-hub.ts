import type { Hub } from './hub/hub.ts';

export interface Question {
  readonly method?: string;
  /** `USER:PASSWORD`; anonymous without. */
  readonly login?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A token for the scope, as a client would get it. */
export async function tokenFor(hub: Hub, scope: string, login?: string): Promise<string> {
  const query = new URLSearchParams({ service: 'registry.docker.io', scope });
  const headers = login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
  const response = await fetch(`${hub.tokenUrl}?${query.toString()}`, { headers });
  const { token } = (await response.json()) as { token: string };
  return token;
}

/** Asks about a repository with a token for it: `askHub(hub, 'library/nginx', 'manifests/latest')`. Follows no redirect. */
export async function askHub(
  hub: Hub,
  repository: string,
  path: string,
  { method = 'GET', login, headers }: Question = {},
): Promise<Response> {
  const token = await tokenFor(hub, `repository:${repository}:pull`, login);
  return fetch(`${hub.registryUrl}/v2/${repository}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    redirect: 'manual',
  });
}
