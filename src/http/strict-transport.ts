import { isIP } from 'node:net';
import type { Answer } from './distribution/answer.ts';
import type { HttpHandler, HttpRequest } from './distribution/request.ts';

const YEAR_S = 365 * 24 * 60 * 60;

/**
 * RFC 6797, for a server that speaks TLS itself: a browser that came by a name comes by https from then on. It would
 * ignore the header of an address, and `localhost` is other programs' too.
 */
export function strictTransport(handler: HttpHandler): HttpHandler {
  const mark = (answer: Answer): Answer => ({
    ...answer,
    headers: { ...answer.headers, 'strict-transport-security': `max-age=${YEAR_S}` },
  });
  return (request) => {
    const answer = handler(request);
    if (!isByName(request)) return answer;
    return answer instanceof Promise ? answer.then(mark) : mark(answer);
  };
}

function isByName(request: HttpRequest): boolean {
  const name = (request.header('host') ?? '')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name !== '' && name !== 'localhost' && !name.endsWith('.localhost') && isIP(name) === 0;
}
