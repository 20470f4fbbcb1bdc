// A line for each request, as JSON and for people. Written by hand: at 20,000 lines a second, those of pino would cost a
// tenth of a processor, twice what these do.
import type { RequestLine } from '../http/exchange.ts';
import type { LogLevel } from '../observe/log.ts';

const MAX_PATH = 1024;
const ORDINARY_PATH = /^[\w./:@-]{0,1024}$/;

/** A failure of ours is an error; a refusal is not, and neither is a client that leaves. */
export function levelOf({ isOurFault }: RequestLine): LogLevel {
  return isOurFault ? 'error' : 'info';
}

/** Without the end of the line. */
export function jsonOf(line: RequestLine, time: string): string {
  const { id, method, route, status, bytesSent, durationMs, remoteAddress, isComplete } = line;
  let text = `{"level":"${levelOf(line)}","time":"${time}","id":"${id}","method":"${method}"`;
  text += `,"path":${quoted(pathOf(line))},"route":"${route ?? 'other'}","status":${status}`;
  text += `,"bytes":${bytesSent},"ms":${durationMs.toFixed(3)},"remote":"${remoteAddress}"`;
  const { client, account, token, repository, reference, digest } = line.facts;
  if (client !== undefined) text += `,"client":"${client}"`;
  if (account !== undefined) text += `,"account":${quoted(account)}`;
  if (token !== undefined) text += `,"token":${quoted(token)}`;
  if (repository !== undefined) text += `,"repository":${quoted(repository)}`;
  if (reference !== undefined) text += `,"reference":${quoted(reference)}`;
  if (digest !== undefined) text += `,"digest":${quoted(digest)}`;
  if (!isComplete) text += ',"incomplete":true';
  const cause = causeOf(line);
  if (cause !== undefined) text += `,"error":${JSON.stringify(cause.message)}`;
  if (cause?.stack !== undefined && levelOf(line) === 'error') text += `,"stack":${JSON.stringify(cause.stack)}`;
  return `${text},"msg":"request"}`;
}

/** Without the end of the line; a failure of ours has its stack below. */
export function textOf(line: RequestLine): string {
  const { id, method, status, bytesSent, durationMs, remoteAddress, isComplete, facts } = line;
  const who = `${facts.client ?? remoteAddress}${facts.account === undefined ? '' : ` ${facts.account}`}`;
  const broken = isComplete ? '' : ' broke off';
  const cause = causeOf(line);
  const why = cause === undefined ? '' : `: ${(levelOf(line) === 'error' && cause.stack) || cause.message}`;
  const figures = `${status} ${bytesSent} B ${Math.round(durationMs)} ms`;
  return `${who} ${JSON.stringify(`${method} ${pathOf(line)}`)} ${figures} ${id}${broken}${why}`;
}

function quoted(text: string): string {
  return ORDINARY_PATH.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** What a client sends ends up on terminals: no control characters, and nothing without end. */
function pathOf({ path }: RequestLine): string {
  if (ORDINARY_PATH.test(path)) return path;
  const start = path.length > MAX_PATH ? `${path.slice(0, MAX_PATH)}...` : path;
  return start.replaceAll(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character.toWellFormed()));
}

/** A refusal says to the client what is wrong: the log has its status. */
function causeOf({ error, status }: RequestLine): Error | undefined {
  const isRefusal = status >= 400 && status < 500;
  return error instanceof Error && !isRefusal ? error : undefined;
}
