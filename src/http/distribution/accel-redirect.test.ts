import { describe, expect, test } from 'vitest';
import { withAccelRedirect } from './accel-redirect.ts';
import type { Answer, FileSlice } from './answer.ts';
import type { HttpRequest } from './request.ts';

const PLACE = `sha256/ab/cd/abcd${'0'.repeat(60)}`;
const HEADERS = {
  'content-type': 'application/octet-stream',
  'docker-content-digest': `sha256:abcd${'0'.repeat(60)}`,
  etag: `"sha256:abcd${'0'.repeat(60)}"`,
};
const SAYS_IT_CAN = { 'x-sendfile-type': 'X-Accel-Redirect' };

interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly isTrusted?: boolean;
}

/** What comes of an answer when somebody asks for it: by default a proxy that can send files. */
async function answered(answer: Answer, { headers = SAYS_IT_CAN, isTrusted = true }: Asking = {}): Promise<Answer> {
  const handler = withAccelRedirect(() => Promise.resolve(answer), { prefix: '/_blobs', isTrusted: () => isTrusted });
  const request: Pick<HttpRequest, 'header'> = { header: (name) => headers[name] };
  return await handler(request as HttpRequest);
}

function sliceAt(place: string | undefined): FileSlice & { isClosed: boolean } {
  const slice = { fd: -1, offset: 0, sizeBytes: 10, place, isClosed: false, close: () => undefined };
  return Object.assign(slice, { close: () => void (slice.isClosed = true) });
}

describe('a proxy that can send files', () => {
  test('gets the place of a blob and what it is, and the file is given back', async () => {
    const body = sliceAt(PLACE);
    const answer = await answered({ status: 200, headers: { ...HEADERS, 'content-length': 10 }, body, route: 'blob' });
    expect(answer).toEqual({
      status: 200,
      headers: { ...HEADERS, 'x-accel-redirect': `/_blobs/${PLACE}` },
      body: undefined,
      route: 'blob',
    });
    expect(body.isClosed).toBe(true);
  });

  test('gets the whole where a range was asked for, which it cuts out itself', async () => {
    const headers = { ...HEADERS, 'content-length': 2, 'content-range': 'bytes 4-5/10', 'accept-ranges': 'bytes' };
    const answer = await answered({ status: 206, headers, body: sliceAt(PLACE) });
    expect(answer.status).toBe(200);
    expect(answer.headers).toEqual({ ...HEADERS, 'x-accel-redirect': `/_blobs/${PLACE}` });
  });

  test.each([
    ['a refusal', new TextEncoder().encode('unknown')],
    ['an answer without a body', undefined],
    ['a stream', new ReadableStream<Uint8Array>()],
    ['a blob that is still on its way here', sliceAt(undefined)],
  ])('gets %s as it is', async (_, body) => {
    const answer = { status: 200, headers: HEADERS, body };
    expect(await answered(answer)).toBe(answer);
  });
});

test.each([
  ['who does not say so', { headers: {} }],
  ['who says something else', { headers: { 'x-sendfile-type': 'X-Sendfile' } }],
  ['who says so and is not trusted', { isTrusted: false }],
])('%s gets the bytes', async (_, asking) => {
  const body = sliceAt(PLACE);
  const answer = { status: 200, headers: HEADERS, body };
  expect(await answered(answer, asking)).toBe(answer);
  expect(body.isClosed).toBe(false);
});
