import type { UploadChunk, UploadStatus } from '../../../src/http/distribution/hosted-repository.ts';
import { type Digest, algorithmOf, digestOf } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';

interface Upload {
  readonly chunks: Uint8Array[];
  receivedBytes: number;
  isBusy: boolean;
}

/** The blobs of a repository, and the uploads that become some. */
export class MemoryUploads {
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly #uploads = new Map<string, Upload>();

  beginUpload(): UploadStatus {
    const id = crypto.randomUUID();
    this.#uploads.set(id, { chunks: [], receivedBytes: 0, isBusy: false });
    return { id, receivedBytes: 0 };
  }

  upload(id: string): UploadStatus {
    return { id, receivedBytes: this.#upload(id).receivedBytes };
  }

  async appendToUpload(id: string, chunk: UploadChunk): Promise<UploadStatus> {
    await this.#append(this.#upload(id), chunk);
    return this.upload(id);
  }

  async finishUpload(id: string, digest: Digest, chunk: UploadChunk): Promise<void> {
    const upload = this.#upload(id);
    await this.#append(upload, chunk);
    this.#uploads.delete(id);
    const bytes = Buffer.concat(upload.chunks);
    if (digestOf(bytes, algorithmOf(digest)) !== digest) {
      throw new OciError('DIGEST_INVALID', `what was uploaded is not ${digest}`);
    }
    this.blobs.set(digest, bytes);
  }

  cancelUpload(id: string): void {
    this.#upload(id);
    this.#uploads.delete(id);
  }

  async #append(upload: Upload, { body, offset }: UploadChunk): Promise<void> {
    if (upload.isBusy || (offset !== undefined && offset !== upload.receivedBytes)) {
      throw new OciError('RANGE_INVALID', `the upload has ${upload.receivedBytes} bytes`);
    }
    upload.isBusy = true;
    try {
      for await (const bytes of body) {
        upload.chunks.push(Buffer.from(bytes));
        upload.receivedBytes += bytes.byteLength;
      }
    } finally {
      upload.isBusy = false;
    }
  }

  #upload(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined) throw new OciError('BLOB_UPLOAD_UNKNOWN', `there is no upload ${id}`);
    return upload;
  }
}
