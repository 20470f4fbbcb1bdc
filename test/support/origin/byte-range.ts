import { type Answer, emptyAnswer, sizeOf, sliceParts } from './answer.ts';
import type { Request } from './request.ts';

/**
 * Answers with the bytes, or with the one range of them that a GET asks for: RFC 9110 §14. A header that is not a
 * single byte range is ignored, as the RFC allows.
 */
export function answerBytes(parts: readonly Uint8Array[], request: Request, headers: Answer['headers']): Answer {
  const whole: Answer = { status: 200, headers: { 'accept-ranges': 'bytes', ...headers }, body: parts };
  const range = request.method === 'GET' ? (request.headers.range ?? '') : '';
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (first === undefined || last === undefined || first + last === '') return whole;
  const size = sizeOf(parts);
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start >= end) return emptyAnswer(416, { 'content-range': `bytes */${size}` });
  return {
    status: 206,
    headers: { ...whole.headers, 'content-range': `bytes ${start}-${end - 1}/${size}` },
    body: sliceParts(parts, start, end),
  };
}
