import { DOCKER_HUB, type Reference, isRepositoryName } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import type { SourceImage } from './copy-sources.ts';
import type { Session } from './session.ts';

/** What an image is called wherever a bundle or a dump of it goes. Throws UsageError where it has no name. */
export function referenceOf({ text, values, tag, digest }: SourceImage, { config }: Session): Reference {
  if (values === undefined) {
    throw new UsageError(`${text} has no name of its own, which it needs here; copy it to one with wharf copy first`);
  }
  const { domain, repository } =
    values.upstream === undefined
      ? storedName(values.repository, config)
      : { domain: values.upstream, repository: values.repository };
  if (!isRepositoryName(repository)) throw new UsageError(`${text} has no name that it could be known by`);
  if (tag !== undefined) return { domain, repository, tag };
  return { domain, repository, ...(digest !== undefined && { digest }) };
}

/** The store keeps the repositories of other upstreams than the default one in folders. */
function storedName(repository: string, { upstreams, defaultUpstream }: Session['config']) {
  const slash = repository.indexOf('/');
  const folder = slash < 0 ? '' : repository.slice(0, slash);
  const owner = [...upstreams.keys()].find((name) => name !== defaultUpstream && folderOf(name) === folder);
  if (owner !== undefined) return { domain: owner, repository: repository.slice(slash + 1) };
  return { domain: defaultUpstream ?? DOCKER_HUB, repository };
}
