import { parseTag } from '../../oci/reference.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import type { AskedAddress } from './asked-address.ts';
import type { HostedRepository } from './hosted-repository.ts';
import { pageOf, readPage } from './page.ts';
import type { HttpRequest } from './request.ts';

/** distribution-spec §Listing Tags. */
export async function listTags(
  repository: HostedRepository,
  address: AskedAddress,
  request: HttpRequest,
): Promise<Answer> {
  const { items, next } = await readPage(pageOf(request, parseTag), (page) => repository.listTags(page, request));
  return jsonAnswer(200, { name: address.name, tags: items }, next && address.nextPage('tags/list', next));
}
