export interface BasicCredentials {
  readonly username: string;
  readonly password: string;
}

const MAX_LENGTH = 4096;

/** RFC 7617; `undefined` for what is none. The first colon ends the name. */
export function parseBasic(encoded: string): BasicCredentials | undefined {
  if (encoded.length > MAX_LENGTH || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0 || text.includes('\0')) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
