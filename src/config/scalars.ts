// The texts of the configuration as zod schemas: each is checked in form and parsed into a value with a unit.
import { z } from 'zod';
import { OciError } from '../oci/errors.ts';
import { parsePlatform, type Platform } from '../oci/platform.ts';
import { isDomain, parseTag, parseUntaggedReference } from '../oci/reference.ts';
import { checkTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';
import { parseDuration } from './duration.ts';
import { parseListenAddress } from './listen-address.ts';
import { parseProxyUrl } from './proxy-url.ts';
import { parseRate } from './rate.ts';
import { parseRegistryAddress, type RegistryAddress } from './registry-address.ts';
import { parseSize } from './size.ts';

/** A text of some form. `kind` is its short name in the documentation; `parse` answers `undefined` to another form. */
function scalar<T>(kind: string, expected: string, parse: (text: string) => T | undefined) {
  const message = `expected ${expected}`;
  return z
    .string({ error: message })
    .transform((text, context): T => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({ title: kind });
}

function matching(kind: string, expected: string, pattern: RegExp) {
  return scalar(kind, expected, (text) => (pattern.test(text) ? text : undefined));
}

export const text = matching('text', 'a text of one line (in quotes, if it looks like a number)', /^[^\r\n\0]*$/);
export const path = matching('path', 'a path', /^[^\r\n\0]+$/);
export const jobName = matching('name', 'a name of letters, digits, ".", "_" and "-"', /^[A-Za-z0-9][\w.-]{0,63}$/);

// What comes from a variable is a text: `reserve: ${RESERVE:-20}`.
export const flag = z
  .union([z.boolean(), scalar('text', 'true or false', parseFlag)], { error: 'expected true or false' })
  .meta({ title: 'true or false' });
const wholeNumber = { error: 'expected a whole number' };
export const count = z
  .union([z.int(wholeNumber).nonnegative(wholeNumber), scalar('text', 'a whole number', parseCount)], wholeNumber)
  .meta({ title: 'whole number' });

export const duration = scalar('duration', 'a duration such as 30s, 10m, 12h or 30d', parseDuration);
export const durationOrNever = scalar('duration or never', 'a duration such as 12h or 30d, or never', (text) =>
  text === 'never' ? Infinity : parseDuration(text),
);
export const sizeOrUnlimited = scalar('size or unlimited', 'a size such as 200GiB or 500MB, or unlimited', (text) =>
  text === 'unlimited' ? Infinity : parseSize(text),
);
export const rateOrUnlimited = scalar('rate or unlimited', 'a rate such as 50/s or 600/m, or unlimited', (text) =>
  text === 'unlimited' ? Infinity : parseRate(text),
);
export const bandwidthOrUnlimited = scalar(
  'bandwidth or unlimited',
  'a bandwidth such as 10MiB/s, or unlimited',
  (text) => (text === 'unlimited' ? Infinity : text.endsWith('/s') ? parseSize(text.slice(0, -2)) : undefined),
);
export const countOrUnlimited = z.union([z.literal('unlimited').transform(() => Infinity), count], {
  error: 'expected a whole number, or unlimited',
});
export const rate = scalar('rate', 'a rate such as 10/s or 600/m', parseRate);
export const cron = matching('cron', 'five cron fields such as "17 */6 * * *"', /^[\w*,/-]+(?: [\w*,/-]+){4}$/);
export const timeZone = scalar('time zone', 'a time zone such as Europe/Berlin or UTC', (text) =>
  isTimeZone(text) ? text : undefined,
);
export const versionRange = matching('range', 'a range of versions such as ">=1.20"', /^[\w.+<>=~^|*, -]{1,200}$/);

const LISTEN_ADDRESS = 'an address to listen on, such as 127.0.0.1:5000, [::1]:5000, :5000 or unix:/run/wharf.sock';
export const listenAddress = scalar('address', LISTEN_ADDRESS, parseListenAddress);
export const listenAddressOrOff = scalar('address or off', `${LISTEN_ADDRESS}, or off`, (text) =>
  text === 'off' ? text : parseListenAddress(text),
);
export const url = scalar('URL', 'a URL such as https://example.com, without a user or a query', parseUrl);
export const urlOrOff = scalar('URL or off', 'a URL such as https://example.com, or off', (text) =>
  text === 'off' ? 'off' : parseUrl(text),
);
export const proxy = scalar(
  'proxy',
  'a proxy such as http://127.0.0.1:7890 or socks5://127.0.0.1:7891, or direct',
  (text) => (text === 'direct' || parseProxyUrl(text) !== undefined ? text.replace(/\/$/, '') : undefined),
);
/** A path or a query may be what lets one in; a user is refused, as it would be sent as a login. */
export const webhookUrl = scalar('URL', 'a URL such as https://example.com/hook, without a user', (text) =>
  /^https?:\/\/[^@#\s]+$/.test(text) && URL.canParse(text) ? text : undefined,
);
export const registryUrl = scalar('registry', 'a registry such as https://registry.example.com', (text) => {
  const address = parseRegistryAddress(text);
  return address && `${address.origin}/${address.path}`.replace(/\/+$/, '');
});
export const registryWithPrefix = scalar<'store' | RegistryAddress>(
  'store or registry',
  'store, a registry such as registry.example.com/team/, or a map with a url',
  (text) => {
    if (text === 'store') return text;
    const address = parseRegistryAddress(text);
    return address && isTemplate(address.path) ? address : undefined;
  },
);

export const host = scalar('host', 'a host name such as mirror.example.com', (text) =>
  isDomain(text) ? text.toLowerCase() : undefined,
);
export const hostOrPort = scalar(
  'host or port',
  'a host name such as docker.mirror.example, or a port as ":5002"',
  (text) => (isDomain(text) || /^:\d{1,5}$/.test(text) ? text.toLowerCase() : undefined),
);
export const addressRange = scalar('address', 'an IP address or a range such as 10.0.0.0/8', (text) =>
  [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()].some((schema) => schema.safeParse(text).success) ? text : undefined,
);
export const internalPath = matching('path', 'a path of nginx such as /_blobs', /^(?:\/[\w-]{1,64}){1,8}$/);
export const accountName = matching(
  'account',
  'the name of an account: letters, digits, ".", "_", "-", "@" and "+"',
  /^[A-Za-z0-9][\w.@+-]{0,63}$/,
);
export const accountOrAll = matching(
  'account or "*"',
  'the name of an account, or "*" for all of them',
  /^(?:[A-Za-z0-9][\w.@+-]{0,63}|\*)$/,
);
export const groupName = matching('group', 'the name of a group', /^[A-Za-z0-9][\w.-]{0,63}$/);
export const serviceName = matching('name', 'a name such as mirror.example.com', /^[A-Za-z0-9][\w.:-]{0,252}$/);
export const pathComponent = matching('name', 'one part of a path, such as hub', /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/);

export const template = scalar(
  'template',
  'a template of {repository}, {name}, {tag} and {upstream}, such as "mirror/{repository}"',
  (text) => (isTemplate(text) ? text : undefined),
);
export const repositoryPattern = matching(
  'pattern',
  'a pattern of repositories such as library/** (in quotes, if it begins with a star)',
  /^[a-z0-9*][a-z0-9._/*-]{0,254}$/,
);
export const selectionPattern = matching(
  'pattern',
  'a pattern of names or tags such as nginx, jenkins/* or "*:*-alpine"',
  /^[a-z0-9*][a-z0-9._/*-]{0,254}(?::[\w.*-]{1,128})?$/,
);
export const imageLine = scalar('image', 'an image such as nginx:1.27', (text) =>
  isImageLine(text) ? text : undefined,
);
export const platform = scalar('platform', 'a platform such as linux/arm64', (text): Platform | undefined =>
  unlessThrown(UsageError, () => parsePlatform(text)),
);

function isTimeZone(text: string): boolean {
  return unlessThrown(RangeError, () => new Intl.DateTimeFormat('en', { timeZone: text })) !== undefined;
}

function parseFlag(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function parseUrl(text: string): string | undefined {
  const parsed = /^https?:\/\/[^@?#\s]+$/.test(text) ? URL.parse(text) : null;
  if (parsed === null) return undefined;
  return parsed.pathname === '/' ? parsed.origin : parsed.href;
}

function isTemplate(text: string): boolean {
  const isPathLike = /^[\w.{}/-]*$/.test(text) && !text.startsWith('/');
  const check = () => {
    checkTemplate(text);
    return true;
  };
  return isPathLike && unlessThrown(UsageError, check) === true;
}

// As in a list file: a name, its tags behind one colon.
function isImageLine(text: string): boolean {
  const [image = '', ...tags] = text.split(',');
  return unlessThrown(OciError, () => [parseUntaggedReference(image), ...tags.map(parseTag)]) !== undefined;
}

function unlessThrown<T>(expected: new (...parts: never[]) => Error, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof expected) return undefined;
    throw error;
  }
}
