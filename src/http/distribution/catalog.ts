import { parseRepositoryName } from '../../oci/reference.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import type { HostedRegistry } from './hosted-repository.ts';
import { pageOf, readPage } from './page.ts';
import type { HttpRequest } from './request.ts';

const DEFAULT_PAGE = 100;

/** The list of repositories that registries have beside the specification, in the form that docker-registry gave it. */
export async function listRepositories(registry: HostedRegistry, request: HttpRequest): Promise<Answer> {
  const page = pageOf(request, parseRepositoryName, DEFAULT_PAGE);
  const { items, next } = await readPage(page, (asked) => registry.listRepositories(asked, request));
  // RFC 8288, relative to the server: whoever stands before us may have another name.
  const link = next && { link: `</v2/_catalog?${next.toString()}>; rel="next"` };
  return jsonAnswer(200, { repositories: items }, link);
}
