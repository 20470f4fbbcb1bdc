// A file that one writes and many read from its start, each at his own pace, while it grows.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { UsageError } from '../oci/usage-error.ts';

const READ_BYTES = 256 * 1024;

/**
 * The body of a blob on a disk of this machine. Its name is gone once it is open: nothing is left of it when the process
 * is killed. Readers get what the body gives, in its order, and its failure where it fails.
 */
export class GrowingFile implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #body: ReadableStream<Uint8Array>;
  readonly #stop = new AbortController();
  readonly #filled: Promise<void>;
  #writtenBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #isWhole = false;
  #grown = Promise.withResolvers<void>();

  private constructor(file: FileHandle, sizeBytes: number, body: ReadableStream<Uint8Array>) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.#body = body;
    this.#filled = this.#fill();
  }

  /** `path` must not exist. Cancels the body when the file cannot be made. */
  static async of(path: string, sizeBytes: number, body: ReadableStream<Uint8Array>): Promise<GrowingFile> {
    try {
      const file = await open(path, 'wx+', 0o600);
      await rm(path);
      return new GrowingFile(file, sizeBytes, body);
    } catch (error) {
      await body.cancel(error);
      throw unwritable(error);
    }
  }

  /** Whoever reads it now gets all that there will be, and then the failure. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  read(): ReadableStream<Uint8Array> {
    let position = 0;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const end = await this.#past(position);
          if (end === position) return controller.close();
          const buffer = new Uint8Array(Math.min(READ_BYTES, end - position));
          const { bytesRead } = await this.#file.read(buffer, 0, buffer.byteLength, position);
          if (bytesRead === 0) throw new UsageError('the scratch folder has lost what was written to it');
          position += bytesRead;
          controller.enqueue(buffer.subarray(0, bytesRead));
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Whoever still reads fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#filled;
    await this.#file.close();
  }

  /** How much there is, once it is more than that, or all. */
  async #past(position: number): Promise<number> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#writtenBytes > position || this.#isWhole) return this.#writtenBytes;
      await this.#grown.promise;
    }
  }

  async #fill(): Promise<void> {
    const reader = this.#body.getReader();
    const cancel = () => void reader.cancel(this.#stop.signal.reason).catch(() => undefined);
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        this.#stop.signal.throwIfAborted();
        if (done) break;
        await this.#write(value);
      }
      this.#isWhole = true;
    } catch (error) {
      this.#failure = { error };
      await reader.cancel(error).catch(() => undefined);
    } finally {
      this.#stop.signal.removeEventListener('abort', cancel);
      this.#wake();
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.byteLength;) {
        const { bytesWritten } = await this.#file.write(
          bytes,
          done,
          bytes.byteLength - done,
          this.#writtenBytes + done,
        );
        done += bytesWritten;
      }
    } catch (error) {
      throw unwritable(error);
    }
    this.#writtenBytes += bytes.byteLength;
    this.#wake();
  }

  #wake(): void {
    const grown = this.#grown;
    this.#grown = Promise.withResolvers<void>();
    grown.resolve();
  }
}

function unwritable(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return new UsageError(`the scratch folder takes no more (${error.message}); free some room there`, { cause: error });
}
