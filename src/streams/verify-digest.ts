// The last chunk is held back until the hash has spoken: a receiver that was promised the size can never be handed
// all of a wrong body, so nothing unverified is ever complete, in a file or at a registry.
import { type Digest, DigestHasher, algorithmOf } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';

/**
 * The same bytes, on condition that there are `sizeBytes` of them and that they hash to `digest`. Otherwise the stream
 * fails with SIZE_INVALID or DIGEST_INVALID (as an error made by `toError`) before its last byte. Cancelling it cancels `body`.
 */
export function verifyDigest(
  body: ReadableStream<Uint8Array>,
  expected: { readonly digest: Digest; readonly sizeBytes: number },
  toError: (code: 'SIZE_INVALID' | 'DIGEST_INVALID', message: string) => Error = (code, message) =>
    new OciError(code, message),
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const hasher = new DigestHasher(algorithmOf(expected.digest));
  let received = 0;

  const fail = async (error: Error): Promise<never> => {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  };
  const checkDigest = async (): Promise<void> => {
    const found = hasher.digest();
    if (found === expected.digest) return;
    await fail(toError('DIGEST_INVALID', `the bytes hash to ${found}, not to ${expected.digest}`));
  };

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) {
          if (received !== expected.sizeBytes) {
            await fail(toError('SIZE_INVALID', `the body ended after ${received} of ${expected.sizeBytes} bytes`));
          }
          if (received === 0) await checkDigest();
          controller.close();
          return;
        }
        received += value.byteLength;
        if (received > expected.sizeBytes) {
          await fail(toError('SIZE_INVALID', `the body has more than ${expected.sizeBytes} bytes`));
        }
        if (value.byteLength > 0) {
          hasher.update(value);
          if (received === expected.sizeBytes) await checkDigest();
        }
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
