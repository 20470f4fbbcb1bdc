import * as scalars from '../scalars.ts';
import { formatDuration } from './go-duration.ts';
import { literal } from './part.ts';
import type { RegistrySettings } from './settings.ts';

interface ConvertedLogin {
  /** As `upstreams.NAME.credentials` has it; absent where there is no login. */
  readonly credentials?: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

const USERNAME = ['proxy', 'username'];
const PASSWORD = ['proxy', 'password'];
const COMMAND = ['proxy', 'exec', 'command'];
const OUR_VARIABLE = 'WHARF_PROXY_PASSWORD';

/** The login of `proxy`. A secret does not go into a file that people show each other: a variable stands for it. */
export function convertLogin(settings: RegistrySettings): ConvertedLogin {
  const command = settings.parsed(scalars.text, COMMAND)?.text;
  return command === undefined ? convertPassword(settings) : convertCommand(command, settings);
}

// registry:2 as well heeds no user and no password then.
function convertCommand(command: string, settings: RegistrySettings): ConvertedLogin {
  const lifetimeMs = settings.goDuration('proxy', 'exec', 'lifetime');
  const lifetime = lifetimeMs === undefined ? {} : { lifetime: formatDuration(lifetimeMs) };
  const notes =
    lifetimeMs === undefined ? ['proxy.exec: the command is run again every 6h, unless `lifetime` says otherwise'] : [];
  return { credentials: { exec: [literal(command)], ...lifetime }, notes };
}

function convertPassword(settings: RegistrySettings): ConvertedLogin {
  const username = settings.parsed(scalars.text, USERNAME)?.text;
  const hasPassword = settings.has(...PASSWORD);
  if (username === undefined && !hasPassword) return { notes: [] };
  if (username === undefined || !hasPassword) {
    const missing = username === undefined ? 'password without a username' : 'username without a password';
    return { notes: [`proxy: there is a ${missing}; the login is left out`] };
  }
  const given = settings.variable(PASSWORD);
  const variable = given ?? OUR_VARIABLE;
  const what = given === undefined ? `set the variable ${variable} to it` : `keep the variable ${variable} set`;
  return {
    credentials: { username: literal(username), password: `\${${variable}}` },
    notes: [`proxy.password: it is not written down; ${what}, or put it into a file and name that as passwordFile`],
  };
}
