// From names of an upstream to names at a mirror, and back. Pure.
import {
  DOCKER_HUB,
  type RepositoryName,
  familiarName,
  isRepositoryName,
  parseRepositoryName,
} from '../oci/reference.ts';
import { expandTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';

/** Throws UsageError or OciError where the template makes no name of it. */
export function nameThere(template: string, upstream: string, repository: RepositoryName): RepositoryName {
  const values = { repository, name: familiarName(upstream, repository), upstream };
  return parseRepositoryName(expandTemplate(template, values));
}

/** Throws UsageError where two repositories would be one at the mirror: only one of them can be right. */
export function checkNamesThere(
  template: string,
  upstream: string,
  repositories: readonly RepositoryName[],
  mirror: string,
): void {
  const owners = new Map<RepositoryName, RepositoryName>();
  for (const repository of repositories) {
    const there = nameThere(template, upstream, repository);
    const owner = owners.get(there) ?? repository;
    owners.set(there, repository);
    if (owner === repository) continue;
    throw new UsageError(
      `${owner} and ${repository} would both be ${there} at ${mirror}; end the mirror's path with "/", or use {repository} or {name} in it`,
    );
  }
}

/** The upstream's repository that has this name at a mirror; `undefined` when none can have it. */
export function nameUpstream(template: string, upstream: string, there: string): RepositoryName | undefined {
  const full = template === '' || template.endsWith('/') ? `${template}{name}` : template;
  const source = full.split(/(\{\w+\})/).map((part) => {
    if (part === '{upstream}') return RegExp.escape(upstream);
    return part === '{repository}' || part === '{name}' ? '(.+)' : RegExp.escape(part);
  });
  const [, written] = new RegExp(`^${source.join('')}$`).exec(there) ?? [];
  if (written === undefined) return undefined;
  return candidates(upstream, written).find(
    (name): name is RepositoryName => isRepositoryName(name) && spells(template, upstream, name, there),
  );
}

function candidates(upstream: string, written: string): string[] {
  // A name of one component is short for one of the library.
  if (upstream === DOCKER_HUB) return written.includes('/') ? [written] : [`library/${written}`];
  const prefix = `${upstream}/`;
  return written.startsWith(prefix) ? [written, written.slice(prefix.length)] : [written];
}

function spells(template: string, upstream: string, name: RepositoryName, there: string): boolean {
  const values = { repository: name, name: familiarName(upstream, name), upstream };
  return expandTemplate(template, values) === there;
}
