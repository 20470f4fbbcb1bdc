import { digestOf } from '../src/oci/digest.ts';

/** What it takes to have content to ask for. `repositoryUrl` is `http://host/v2/name`. */
export async function pushBlob(repositoryUrl: string, body: Buffer<ArrayBuffer>): Promise<void> {
  const begun = await expectStatus(202, fetch(`${repositoryUrl}/blobs/uploads/`, { method: 'POST' }));
  const location = new URL(begun.headers.get('location') ?? '', repositoryUrl);
  location.searchParams.set('digest', digestOf(body));
  const headers = { 'content-type': 'application/octet-stream' };
  await expectStatus(201, fetch(location, { method: 'PUT', headers, body }));
}

export async function pushManifest(
  repositoryUrl: string,
  tag: string,
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Buffer<ArrayBuffer> },
): Promise<void> {
  const headers = { 'content-type': mediaType };
  await expectStatus(201, fetch(`${repositoryUrl}/manifests/${tag}`, { method: 'PUT', headers, body: bytes }));
}

async function expectStatus(status: number, answering: Promise<Response>): Promise<Response> {
  const answer = await answering;
  await answer.bytes();
  if (answer.status !== status) throw new Error(`the registry answered ${answer.status} for ${answer.url}`);
  return answer;
}
