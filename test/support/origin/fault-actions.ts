// The vocabulary of misbehaviour. Those that answer themselves leave the handler alone: nothing is stored or charged.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OciErrorCode } from '../../../src/oci/errors.ts';
import { type Answer, emptyAnswer, errorAnswer, jsonAnswer, sizeOf, sliceParts, textAnswer } from './answer.ts';
import type { FaultAction } from './faults.ts';
import { NO_QUERY, readBody } from './request.ts';

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

export function respond({ status, headers, body = '' }: ScriptedAnswer): FaultAction {
  return async () => textAnswer(status, body, lowerCaseNames(headers ?? {}));
}

/** An error as the distribution specification words it. */
export function refuse(code: OciErrorCode, message?: string): FaultAction {
  return async () => errorAnswer(code, message);
}

export function redirectTo(url: string, status = 307): FaultAction {
  return async () => emptyAnswer(status, { location: url });
}

/** What a captive portal or a hotel's proxy says to everything. */
export function html(): FaultAction {
  const headers = { 'content-type': 'text/html; charset=utf-8' };
  return respond({ status: 200, headers, body: '<!doctype html><title>Welcome</title><p>Please sign in.</p>' });
}

/** Keeps no process alive that has nothing else to do. */
export function delay(ms: number): FaultAction {
  return async (request, next) => {
    await sleep(ms, undefined, { ref: false });
    return next(request);
  };
}

export function hang(): FaultAction {
  return async () => ({ ...emptyAnswer(200), delivery: { kind: 'hang' } });
}

/** Resets the connection after so many bytes of the body; at 0 not even the headers come. The handler has done its work. */
export function resetAt(atByte: number): FaultAction {
  return changing((answer) => ({ ...answer, delivery: { kind: 'cut', atByte, reset: true } }));
}

/** Ends the connection after so many bytes of the body, though Content-Length promised them all. */
export function truncateAt(atByte: number): FaultAction {
  return changing((answer) => ({ ...answer, delivery: { kind: 'cut', atByte, reset: false } }));
}

/** Flips the bits of one byte; a body that is too short stays as it is. */
export function corruptAt(byte: number): FaultAction {
  return changing((answer) => {
    const size = sizeOf(answer.body);
    const flipped = sliceParts(answer.body, byte, byte + 1).map((part) => part.map((value) => value ^ 0xff));
    return {
      ...answer,
      body: [...sliceParts(answer.body, 0, byte), ...flipped, ...sliceParts(answer.body, byte + 1, size)],
    };
  });
}

/** Set `content-length` to lie about the length; the connection ends with the body then. */
export function setHeader(name: string, value: string): FaultAction {
  return changingHeader(name, () => value);
}

export function stripHeader(name: string): FaultAction {
  return changingHeader(name, () => undefined);
}

/** Replaces what the regular expression finds in a header; answers without the header stay as they are. */
export function rewriteHeader(name: string, pattern: string, replacement: string): FaultAction {
  return changingHeader(name, (value) => value?.replace(new RegExp(pattern), replacement));
}

export function replaceBody(text: string): FaultAction {
  return changing((answer) => ({ ...answer, body: [Buffer.from(text)] }));
}

/** Leaves a property out of a JSON body: `token`, `access_token`, `digest`. */
export function omitField(name: string): FaultAction {
  return changing((answer) => {
    const value = JSON.parse(Buffer.concat(answer.body).toString()) as Record<string, unknown>;
    delete value[name];
    return { ...answer, body: jsonAnswer(answer.status, value).body };
  });
}

/** The handler does not see the query: mounts and single POSTs become ordinary uploads, pages become the whole list. */
export function ignoreQuery(): FaultAction {
  return (request, next) => next({ ...request, query: NO_QUERY });
}

/** What a proxy with a limit for bodies says to larger ones. */
export function limitBody(maxBytes: number): FaultAction {
  const refusal = textAnswer(413, '<html><h1>413 Request Entity Too Large</h1></html>', {
    'content-type': 'text/html',
  });
  return async (request, next) => (Number(request.headers['content-length']) > maxBytes ? refusal : next(request));
}

/** Takes what it is sent, says that it is stored, and has forgotten it. */
export function forget(): FaultAction {
  return async (request) => {
    await readBody(request);
    return emptyAnswer(201);
  };
}

function changing(change: (answer: Answer) => Answer): FaultAction {
  return async (request, next) => change(await next(request));
}

function changingHeader(name: string, change: (value: string | undefined) => string | undefined): FaultAction {
  const key = name.toLowerCase();
  return changing((answer) => ({ ...answer, headers: { ...answer.headers, [key]: change(answer.headers[key]) } }));
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
