import { SendError, type SendFailure } from '../remote/send.ts';

const FAILURES: readonly (readonly [pattern: RegExp, failure: SendFailure, words: string])[] = [
  [
    /^(?:ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL)$/,
    'NAME_RESOLUTION',
    'is not known by that name; check the spelling, and whether this machine has a network',
  ],
  [/^ECONNREFUSED$/, 'CONNECTION_REFUSED', 'refused the connection; nothing listens there'],
  [
    /^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EACCES|EPERM)$/,
    'CONNECTION_REFUSED',
    'cannot be reached from this machine',
  ],
  [/^(?:UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, 'TIMEOUT', 'did not accept the connection in time'],
  [/^UND_ERR_HEADERS_TIMEOUT$/, 'TIMEOUT', 'did not answer in time'],
  [/^UND_ERR_BODY_TIMEOUT$/, 'TIMEOUT', 'stopped sending in the middle of its answer'],
  [
    /^ERR_SSL_WRONG_VERSION_NUMBER$|^EPROTO$/,
    'TLS',
    'does not speak TLS there; if it is meant to be plain http, write http:// before it',
  ],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|^ERR_TLS|^ERR_SSL/,
    'TLS',
    'shows a certificate that this machine does not trust; configure its `ca`',
  ],
  [
    /^(?:ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED|UND_ERR_REQ_CONTENT_LENGTH_MISMATCH|UND_ERR_RES_CONTENT_LENGTH_MISMATCH|UND_ERR_ABORTED)$/,
    'CONNECTION_LOST',
    'broke the connection',
  ],
  [/^(?:HPE_|UND_ERR_HEADERS_OVERFLOW)/, 'NOT_HTTP', 'answered with something that is not HTTP'],
];

/** Says in words why there was no answer. Errors of other kinds, bugs among them, come back as they are. */
export function sendErrorFrom(error: unknown): unknown {
  if (error instanceof SendError || !(error instanceof Error)) return error;
  if (error.cause instanceof SendError) return error.cause;
  const code = codeOf(error);
  for (const [pattern, failure, words] of FAILURES) {
    if (pattern.test(code)) return new SendError(failure, words, { cause: error, detail: detailOf(error, code) });
  }
  return error;
}

function codeOf(error: Error): string {
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (own === '' && error.name === 'HTTPParserError') return 'HPE_INVALID';
  if (own === '' && error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return own;
}

function detailOf(error: Error, code: string): string {
  return code.startsWith('UND_ERR') ? error.message : code;
}
