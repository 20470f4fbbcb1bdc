import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, algorithmOf, digestOf, isDigest } from '../oci/digest.ts';
import { OciError, isNotFound } from '../oci/errors.ts';
import { MANIFEST_ACCEPT, isManifestType, withoutParameters } from '../oci/media-type.ts';
import { type Manifest, MAX_MANIFEST_BYTES, readManifest } from '../oci/manifest.ts';
import type { RepositoryName, Tag } from '../oci/reference.ts';
import type {
  BlobBody,
  BlobCall,
  Call,
  DeletesTags,
  ListsTags,
  PushCall,
  PushOutcome,
  Resolution,
  Target,
} from '../oci/repository.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import { repositoryScope } from './authorizer.ts';
import type { PullPayer } from './pull-ledger.ts';
import { RemoteError, type RemoteErrorCode } from './remote-error.ts';
import { readReferrers } from './referrers.ts';
import type { RemoteRegistry, RegistryRequest } from './remote-registry.ts';
import type { SendResponse } from './send.ts';
import { readTagList } from './tag-list.ts';
import { cancelUpload, openUpload, pushBlob } from './uploads.ts';

const REFUSALS: ReadonlySet<RemoteErrorCode> = new Set(['UNAUTHORIZED', 'DENIED']);

/** `payer`: who answers for the pull, if it is counted. */
export interface ManifestCall extends Call {
  readonly payer?: PullPayer | undefined;
}

/** One repository of a registry over HTTP: distribution-spec §Pulling, §Pushing, §Content discovery. */
export class RemoteRepository implements Target, ListsTags, DeletesTags {
  readonly name: RepositoryName;
  readonly registry: RemoteRegistry;

  constructor(registry: RemoteRegistry, name: RepositoryName) {
    this.registry = registry;
    this.name = name;
  }

  /** HEAD, which no registry charges for. A GET, which the budget has to allow, only where its answer says too little. */
  async resolve(reference: Tag | Digest, call: Call = {}): Promise<Resolution> {
    const response = await this.#manifestRequest('HEAD', reference, call);
    await response.body.discard();
    const digest = response.headers.get('docker-content-digest') ?? (isDigest(reference) ? reference : '');
    const size = Number(response.headers.get('content-length'));
    const mediaType = withoutParameters(response.headers.get('content-type') ?? '');
    if (!isDigest(digest) || (isDigest(reference) && reference !== digest) || mediaType === '') {
      return { descriptor: await this.#describe(reference, call), asOf: this.#now() };
    }
    if (!isManifestType(mediaType)) throw this.#noManifest(mediaType, this.#manifestName(reference));
    return { descriptor: { mediaType, digest, size: Number.isSafeInteger(size) ? size : 0 }, asOf: this.#now() };
  }

  async manifest(digest: Digest, call: ManifestCall = {}): Promise<Manifest> {
    const bytes = await this.#getManifest(digest, call);
    const found = digestOf(bytes, algorithmOf(digest));
    if (found !== digest) {
      throw this.#fault('DIGEST_INVALID', `answered ${this.#manifestName(digest)} with bytes that hash to ${found}`);
    }
    return { digest, bytes, mediaType: this.#mediaTypeOf(bytes, digest) };
  }

  async statBlob(digest: Digest, call: Call = {}): Promise<{ sizeBytes: number } | undefined> {
    const what = this.blobName(digest);
    const response = await this.request({ ...call, method: 'HEAD', path: `blobs/${digest}`, kind: 'blobHead', what });
    await response.body.discard();
    if (response.status === 200) return { sizeBytes: Number(response.headers.get('content-length') ?? 0) };
    if (response.status === 404) return undefined;
    throw await this.registry.errorFrom(response, what);
  }

  async blob(digest: Digest, call: BlobCall = {}): Promise<BlobBody> {
    const { sizeBytes, body } = await this.unverifiedBlob(digest, 0, call);
    const verified = verifyDigest(body, { digest, sizeBytes }, (code, message) =>
      this.#fault(code, `sent ${this.blobName(digest)} wrongly: ${message}`),
    );
    return { sizeBytes, body: verified };
  }

  /**
   * The blob's bytes from `startByte` on, as they come: for whoever verifies the whole. `sizeBytes` is that of the
   * whole. `isContinued`: a body that somebody was reading broke off, and this is to be its rest. Throws RANGE_INVALID
   * where the registry does not begin in the middle.
   */
  async unverifiedBlob(
    digest: Digest,
    startByte: number,
    { signal, isContinued = false }: Call & { readonly isContinued?: boolean },
  ): Promise<BlobBody> {
    const what = this.blobName(digest);
    const response = await this.request({
      signal,
      place: isContinued ? 'continued' : 'transfer',
      method: 'GET',
      path: `blobs/${digest}`,
      kind: 'blobGet',
      what,
      ...(startByte > 0 && { headers: { range: `bytes=${startByte}-` } }),
    });
    if (response.status !== 200 && response.status !== 206) throw await this.registry.errorFrom(response, what);
    const sizeBytes = wholeSize(response, startByte);
    if (sizeBytes !== undefined) return { sizeBytes, body: response.body.stream() };
    await response.body.discard();
    if (startByte > 0) throw this.#fault('RANGE_INVALID', `does not go on at byte ${startByte} of ${what}`);
    throw this.#fault('NOT_A_REGISTRY', `does not say how long ${what} is`);
  }

  async push(
    blob: Descriptor,
    open: () => Promise<ReadableStream<Uint8Array>>,
    call: PushCall = {},
  ): Promise<PushOutcome> {
    return await pushBlob(this, blob, open, call);
  }

  async put(manifest: Manifest, tags: readonly Tag[], call: Call = {}): Promise<void> {
    const references: readonly (Tag | Digest)[] = tags.length === 0 ? [manifest.digest] : tags;
    for (const reference of references) await this.#put(manifest, reference, call);
  }

  async listTags(call: Call = {}): Promise<ReadonlySet<Tag> | undefined> {
    return await readTagList(this, call);
  }

  /** Whether there is such a repository, and we may read it. Rejects when the registry does not say. */
  async isReadable(call: Call = {}): Promise<boolean> {
    const what = `the tags of ${this.name}`;
    try {
      const response = await this.request({ ...call, method: 'GET', path: 'tags/list?n=1', kind: 'tagList', what });
      if (response.status !== 200) throw await this.registry.errorFrom(response, what);
      await response.body.discard();
      return true;
    } catch (error) {
      const isRefusal = error instanceof RemoteError && REFUSALS.has(error.code);
      if (isRefusal || isNotFound(error)) return false;
      throw error;
    }
  }

  /** distribution-spec §Listing Referrers, by digest; none where the registry does not know of them. */
  async referrers(subject: Digest, call: Call = {}): Promise<readonly Descriptor[]> {
    return await readReferrers(this, subject, call);
  }

  async deleteTag(tag: Tag, call: Call = {}): Promise<boolean> {
    const what = this.#manifestName(tag);
    const response = await this.request({ ...call, method: 'DELETE', path: `manifests/${tag}`, kind: 'delete', what });
    if (response.status === 202 || response.status === 200 || response.status === 404) {
      await response.body.discard();
      return true;
    }
    const error = await this.registry.errorFrom(response, what);
    // Registries that delete by digest alone say that a tag is none, or that they do not support it.
    if (['UNSUPPORTED', 'DIGEST_INVALID', 'MANIFEST_INVALID'].includes(error.code) || response.status === 405)
      return false;
    throw error;
  }

  /**
   * Asks for the right to push by opening an upload and giving it up again. Throws what the registry says, so that a
   * missing right is known before anything has been fetched.
   */
  async tryToPush(call: Call = {}): Promise<void> {
    await cancelUpload(this, await openUpload(this, call), call);
  }

  /** Sends a request below this repository, with the rights it needs: `pull`, or `pull,push` for those that change it. */
  async request(
    request: Omit<RegistryRequest, 'url' | 'scopes'> & { path?: string; url?: URL; alsoPullFrom?: RepositoryName },
  ): Promise<SendResponse> {
    const { path = '', url = this.registry.path(`${this.name}/${path}`), alsoPullFrom, ...rest } = request;
    const actions = request.kind === 'delete' ? 'delete' : this.#actions(request.method);
    const scopes = [repositoryScope(this.name, actions)];
    if (alsoPullFrom !== undefined) scopes.push(repositoryScope(alsoPullFrom, 'pull'));
    return await this.registry.request({ ...rest, url, scopes });
  }

  blobName(digest: Digest): string {
    return `the blob ${this.name}@${digest}`;
  }

  // Whoever pushes here once asks for both rights from then on: one token instead of two.
  #actions(method: string): 'pull' | 'pull,push' {
    if (method !== 'GET' && method !== 'HEAD') this.registry.pushes.add(this.name);
    return this.registry.pushes.has(this.name) ? 'pull,push' : 'pull';
  }

  async #put(manifest: Manifest, reference: Tag | Digest, call: Call): Promise<void> {
    const what = this.#manifestName(reference);
    const response = await this.request({
      ...call,
      method: 'PUT',
      path: `manifests/${reference}`,
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes,
      kind: 'manifestPut',
      what,
    });
    const stored = response.headers.get('docker-content-digest');
    // A proxy in the way says 200 to everything; a registry that says so names what it stored.
    const isPut = response.status === 201 || (response.status === 200 && stored !== undefined);
    if (!isPut) throw await this.registry.errorFrom(response, what);
    await response.body.discard();
    const isSame = stored === undefined || stored === manifest.digest || algorithmOf(manifest.digest) !== 'sha256';
    if (!isSame) throw this.#fault('DIGEST_INVALID', `stored ${what} as ${stored}, not as ${manifest.digest}`);
  }

  async #describe(reference: Tag | Digest, call: Call): Promise<Descriptor> {
    const bytes = await this.#getManifest(reference, call);
    const digest = digestOf(bytes, isDigest(reference) ? algorithmOf(reference) : 'sha256');
    if (isDigest(reference) && reference !== digest) {
      throw this.#fault('DIGEST_INVALID', `answered ${this.#manifestName(reference)} with other bytes`);
    }
    return { mediaType: this.#mediaTypeOf(bytes, reference), digest, size: bytes.byteLength };
  }

  async #getManifest(reference: Tag | Digest, call: ManifestCall): Promise<Uint8Array> {
    const response = await this.#manifestRequest('GET', reference, call);
    return await response.body.bytes(MAX_MANIFEST_BYTES);
  }

  async #manifestRequest(method: 'GET' | 'HEAD', reference: Tag | Digest, call: ManifestCall): Promise<SendResponse> {
    const what = this.#manifestName(reference);
    const response = await this.request({
      ...call,
      method,
      path: `manifests/${reference}`,
      headers: { accept: MANIFEST_ACCEPT },
      kind: method === 'GET' ? 'manifestGet' : 'manifestHead',
      what,
      ...(method === 'GET' && { maxBodyBytes: MAX_MANIFEST_BYTES }),
    });
    // A page that says 404 is of a server in the way: no registry says so that it has no such thing.
    if (response.status === 200 || response.status === 404) await this.#refuseWebPage(response, what);
    if (response.status === 200) return response;
    const error = await this.registry.errorFrom(response, what);
    // A HEAD has no body that could say so, and a missing repository is a missing manifest too.
    if (response.status !== 404) throw error;
    throw new RemoteError(this.registry.host, 'MANIFEST_UNKNOWN', `has no ${what}`, { status: 404 });
  }

  // What a captive portal, or a proxy in the way, says to everything.
  async #refuseWebPage(response: SendResponse, what: string): Promise<void> {
    const mediaType = withoutParameters(response.headers.get('content-type') ?? '');
    if (mediaType !== 'text/html') return;
    await response.body.discard();
    throw this.#noManifest(mediaType, what);
  }

  #mediaTypeOf(bytes: Uint8Array, reference: Tag | Digest): string {
    try {
      return readManifest(bytes).mediaType;
    } catch (cause) {
      if (!(cause instanceof OciError)) throw cause;
      const message = `answered ${this.#manifestName(reference)} with something else: ${cause.message}`;
      const code = cause.code === 'UNSUPPORTED' ? 'UNSUPPORTED' : 'MANIFEST_INVALID';
      throw new RemoteError(this.registry.host, code, message, { cause });
    }
  }

  #noManifest(mediaType: string, what: string): RemoteError {
    return this.#fault('NOT_A_REGISTRY', `answered "${mediaType}" for ${what}, which is no registry's answer`);
  }

  #manifestName(reference: Tag | Digest): string {
    return isDigest(reference) ? `manifest ${this.name}@${reference}` : `manifest ${this.name}:${reference}`;
  }

  #fault(code: 'NOT_A_REGISTRY' | 'RANGE_INVALID' | 'DIGEST_INVALID' | 'SIZE_INVALID', message: string): RemoteError {
    return new RemoteError(this.registry.host, code, message);
  }

  #now(): Date {
    return new Date(this.registry.network.clock.now());
  }
}

// RFC 9110 §14.4: a part says which one it is, and how long the whole is.
function wholeSize({ status, headers }: SendResponse, startByte: number): number | undefined {
  if (status === 200) {
    const length = headers.get('content-length') ?? '';
    return startByte === 0 && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  }
  const [, first, size] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(headers.get('content-range') ?? '') ?? [];
  return Number(first) === startByte ? Number(size) : undefined;
}
