// What a token is asked for and what is in it: distribution's scopes, `repository:NAME:pull,push`.

/** What a token can give. A mirror's `fill` is a push to its clients, and `admin` is in no token. */
export type TokenAction = 'pull' | 'push' | 'delete';

export interface Scope {
  readonly type: string;
  /** As the client writes it. */
  readonly name: string;
  readonly actions: readonly string[];
}

/** A client asks for a repository or two, and for one more for each mount. */
const MAX_SCOPES = 20;
/** A token for all of it is still shorter than what proxies take for a header. */
const MAX_TEXT = 4000;

/** Of parameters that may be repeated, and may hold several each. What is no scope is passed over. */
export function parseScopes(texts: readonly string[]): readonly Scope[] {
  const words = texts.join(' ').slice(0, MAX_TEXT).split(' ').slice(0, MAX_SCOPES);
  return words.flatMap((word) => parseScope(word) ?? []);
}

/** Names may hold a port: the type ends at the first colon, and the actions begin at the last. */
function parseScope(text: string): Scope | undefined {
  const [, type, name, actions] = /^([a-z0-9]+)(?:\([a-z0-9]+\))?:([^\s"]{1,300}):([\w*,-]{0,100})$/.exec(text) ?? [];
  if (type === undefined || name === undefined || actions === undefined) return undefined;
  return { type, name, actions: actions.split(',').filter((action) => action !== '') };
}

export function asksFor({ actions }: Scope, action: TokenAction): boolean {
  return actions.includes(action) || actions.includes('*');
}
