/** One challenge of a 401 (RFC 9110 §11.6.1): its scheme in lower case, its parameters by lower-case name. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER_LENGTH = 8192;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
const SEPARATOR = /[ \t,]*/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads all challenges of all WWW-Authenticate headers. Several may share one header, their parameters separated by
 * the same commas that separate the challenges. What cannot be read ends that header; what came before it counts.
 */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap((header) => (header.length > MAX_HEADER_LENGTH ? [] : parseHeader(header)));
}

function parseHeader(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let position = skip(header, 0);
  let parameters: Map<string, string> | undefined;
  while (position < header.length) {
    const parameter = parameters && matchAt(PARAMETER, header, position);
    if (parameter && parameters) {
      const [text, name = '', quoted, plain] = parameter;
      parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '');
      position = skip(header, position + text.length);
      continue;
    }
    const scheme = matchAt(TOKEN, header, position);
    if (!scheme) break;
    parameters = new Map();
    challenges.push({ scheme: scheme[0].toLowerCase(), parameters });
    position = skip(header, position + scheme[0].length);
    position = skip(header, position + (tokenWithoutName(header, position)?.length ?? 0));
  }
  return challenges;
}

// `Negotiate YII…=`: one token instead of parameters. A lone word before a comma could also be the next scheme.
function tokenWithoutName(header: string, position: number): string | undefined {
  const text = matchAt(TOKEN68, header, position)?.[0];
  return text !== undefined && text.endsWith('=') ? text : undefined;
}

function skip(text: string, position: number): number {
  return position + (matchAt(SEPARATOR, text, position)?.[0].length ?? 0);
}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}
