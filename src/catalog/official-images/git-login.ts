// A login in the URL of a repository. git passes the URL on to programs of its own, as an argument, and arguments are for
// all on the machine to see; variables are not. So git gets the URL without the login, and a credential helper of one
// line that prints the variables.

type Environment = Readonly<Record<string, string | undefined>>;

export interface GitRemote {
  /** What git may be told as an argument. */
  readonly address: string;
  /** What changes in the environment of a git that reads from there. */
  readonly variables: Environment;
}

/** git puts what it wants of the helper behind it. */
const HELPER = `!printf 'username=%s\\npassword=%s\\n' "$WHARF_GIT_USER" "$WHARF_GIT_PASSWORD" #`;

export function gitRemote(remote: string, env: Environment): GitRemote {
  const url = URL.parse(remote);
  // The user of ssh is no secret, and ssh takes no password.
  const hasLogin = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password !== '';
  if (!hasLogin) return { address: remote, variables: {} };
  const [user, password] = [decoded(url.username), decoded(url.password)];
  [url.username, url.password] = ['', ''];
  const section = `credential.${url.origin}`;
  // Without a password whoever uses Wharf may have one with git. With one it is for nobody else to keep.
  const settings: readonly (readonly [string, string])[] =
    password === ''
      ? [[`${section}.username`, user]]
      : [
          [`${section}.helper`, ''],
          [`${section}.helper`, HELPER],
        ];
  return {
    address: url.href,
    variables: { ...settingVariables(settings, env), WHARF_GIT_USER: user, WHARF_GIT_PASSWORD: password },
  };
}

/** After those that are there already. */
function settingVariables(settings: readonly (readonly [string, string])[], env: Environment): Environment {
  const before = Number(env['GIT_CONFIG_COUNT'] ?? 0);
  const each = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${before + index}`, key],
    [`GIT_CONFIG_VALUE_${before + index}`, value],
  ]);
  return { ...Object.fromEntries(each), GIT_CONFIG_COUNT: String(before + settings.length) };
}

/** What git's protocol of credentials has no way to say is in no login. */
function decoded(text: string): string {
  return decodedOnce(text).replaceAll(/[\0\r\n]/g, '');
}

function decodedOnce(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
