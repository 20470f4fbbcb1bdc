import { type RepositoryName, parseTag } from '../../oci/reference.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import type { HostedRepository } from './hosted-repository.ts';
import { pageOf, readPage } from './page.ts';
import type { HttpRequest } from './request.ts';

/** distribution-spec §Listing Tags. */
export async function listTags(
  repository: HostedRepository,
  name: RepositoryName,
  request: HttpRequest,
): Promise<Answer> {
  const { items, headers } = await readPage(pageOf(request, parseTag), `/v2/${name}/tags/list`, (page) =>
    repository.listTags(page, request),
  );
  return jsonAnswer(200, { name, tags: items }, headers);
}
