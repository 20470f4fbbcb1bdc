import { createHash, randomUUID } from 'node:crypto';
import { algorithmOf, type Digest, parseDigest } from '../../../src/oci/digest.ts';
import { OciError } from '../../../src/oci/errors.ts';
import { parseRepositoryName } from '../../../src/oci/reference.ts';
import { type Answer, emptyAnswer, errorAnswer, withHeaders } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';
import { blobOf } from './content.ts';
import type { MemoryContent } from './memory-content.ts';
import type { Route } from './route.ts';

interface Session {
  readonly id: string;
  readonly repository: string;
  readonly parts: Uint8Array[];
  sizeBytes: number;
}

/**
 * Upload sessions: distribution-spec §Pushing Blobs. Each Location carries the session's offset in a query, so that a
 * client that reuses an old Location, or appends `?digest=` to one with a query, is found out.
 */
export class Uploads {
  readonly #content: MemoryContent;
  readonly #sessions = new Map<string, Session>();

  constructor(content: MemoryContent) {
    this.#content = content;
  }

  /** POST: mounts, stores the body as a whole blob, or opens a session. */
  async start(route: Route, request: Request, mayRead: (repository: string) => boolean): Promise<Answer> {
    const repository = parseRepositoryName(route.repository);
    const { query } = request;
    const [mount, from, digest] = [query.get('mount'), query.get('from'), query.get('digest')];
    if (mount !== null && from !== null && mayRead(from)) {
      const blob = this.#content.blob(from, parseDigest(mount));
      if (blob !== undefined) {
        this.#content.addBlob(repository, blob);
        return created(repository, blob.digest);
      }
    }
    const session: Session = { id: randomUUID(), repository, parts: [], sizeBytes: 0 };
    if (digest !== null) {
      await append(session, request);
      return this.#commit(session, parseDigest(digest));
    }
    this.#sessions.set(session.id, session);
    return progress(202, session);
  }

  /** PATCH: the next chunk, with a Content-Range or streamed without. */
  async patch(route: Route, request: Request): Promise<Answer> {
    const session = this.#find(route);
    const refusal = outOfOrder(session, request);
    if (refusal !== undefined) return refusal;
    await append(session, request);
    return progress(202, session);
  }

  /** PUT: the last chunk, if any, and the digest of the whole. A failure ends the session, an unreadable digest does not. */
  async finish(route: Route, request: Request): Promise<Answer> {
    const session = this.#find(route);
    const digest = parseDigest(request.query.get('digest') ?? '');
    const refusal = outOfOrder(session, request);
    if (refusal !== undefined) return refusal;
    await append(session, request);
    this.#sessions.delete(session.id);
    return this.#commit(session, digest);
  }

  status(route: Route): Answer {
    return progress(204, this.#find(route));
  }

  cancel(route: Route): Answer {
    this.#sessions.delete(this.#find(route).id);
    return emptyAnswer(204);
  }

  #find({ repository, reference }: Route): Session {
    const session = this.#sessions.get(reference);
    if (session?.repository !== repository) {
      throw new OciError('BLOB_UPLOAD_UNKNOWN', `${repository} has no upload ${reference}`);
    }
    return session;
  }

  #commit({ repository, parts }: Session, digest: Digest): Answer {
    const hasher = createHash(algorithmOf(digest));
    for (const part of parts) hasher.update(part);
    const actual = `${algorithmOf(digest)}:${hasher.digest('hex')}`;
    if (actual !== digest) throw new OciError('DIGEST_INVALID', `the blob hashes to ${actual}, not to ${digest}`);
    this.#content.addBlob(repository, blobOf(digest, parts));
    return created(repository, digest);
  }
}

// What arrived before a connection broke is kept: that is what GET tells a client that wants to go on.
async function append(session: Session, { body }: Request): Promise<void> {
  for await (const part of body) {
    session.parts.push(part);
    session.sizeBytes += part.byteLength;
  }
}

function outOfOrder(session: Session, { query, headers }: Request): Answer | undefined {
  if (query.get('_state') !== String(session.sizeBytes)) return refusedAt(session);
  const [, first, last] = /^(\d+)-(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  if (headers['content-range'] === undefined) return undefined;
  if (first === undefined || Number(first) !== session.sizeBytes) return refusedAt(session);
  const length = headers['content-length'];
  const isWrongLength = length !== undefined && Number(length) !== Number(last) - Number(first) + 1;
  return isWrongLength ? errorAnswer('SIZE_INVALID') : undefined;
}

function refusedAt(session: Session): Answer {
  return withHeaders(errorAnswer('RANGE_INVALID'), progress(416, session).headers);
}

// An empty session says 0-0, as distribution and Docker Hub do, though that also means one byte.
function progress(status: number, { id, repository, sizeBytes }: Session): Answer {
  return emptyAnswer(status, {
    location: `/v2/${repository}/blobs/uploads/${id}?_state=${sizeBytes}`,
    range: `0-${Math.max(sizeBytes - 1, 0)}`,
    'docker-upload-uuid': id,
  });
}

function created(repository: string, digest: Digest): Answer {
  return emptyAnswer(201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest });
}
