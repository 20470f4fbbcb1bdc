import type { Command } from '@commander-js/extra-typings';
import type { Session } from '../../app/session.ts';
import { isDomain, parseRepositoryName, parseUntaggedReference } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import { readCatalog } from '../../remote/repository-list.ts';
import { StoredTargets } from '../../store/stored-target.ts';
import { openSession } from '../open-session.ts';
import { type RegistryFlags, endpointOf, parseRegistry } from '../registry-argument.ts';
import { repositoryOf } from '../repository-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** `wharf list`: what a registry, or one of its repositories, holds. */
export function addListCommand(program: Command, context: CommandContext): void {
  program
    .command('list')
    .aliases(['ls', 'tags'])
    .description('List the repositories of a registry or of the store, or the tags of a repository')
    .argument('<name>', 'HOST, HOST/REPOSITORY, the name of a Docker Hub repository, store: or store:REPOSITORY')
    .option('--plain-http', 'talk http to a registry that is named without a scheme')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the names as a JSON document')
    .action(async (name, flags) => {
      const { terminal, signal } = context;
      await using session = openSession(flags, terminal);
      const { key, names } = name.startsWith('store:')
        ? await listStore(name.slice('store:'.length), session)
        : await listRegistry(name, session, flags, signal);
      if (flags.json === true) printJson(terminal, { version: 1, name, [key]: names });
      else terminal.out(names.map((each) => `${each}\n`).join(''));
    });
}

interface Listed {
  readonly key: 'repositories' | 'tags';
  readonly names: readonly string[];
}

async function listRegistry(name: string, session: Session, flags: RegistryFlags, signal: AbortSignal) {
  const host = hostOf(name);
  if (host === undefined) return { key: 'tags', names: await tagsOf(name, session, flags, signal) } satisfies Listed;
  return { key: 'repositories', names: await repositoriesOf(host, session, flags, signal) } satisfies Listed;
}

async function listStore(name: string, session: Session): Promise<Listed> {
  const stored = new StoredTargets(await session.store());
  if (name === '') return { key: 'repositories', names: await stored.listRepositories() };
  const repository = parseRepositoryName(name);
  const tags = await stored.repository(repository).listTags();
  if (tags === undefined) throw new UsageError(`the store has no repository ${name}; \`wharf list store:\` shows them`);
  return { key: 'tags', names: [...tags] };
}

// `localhost:5000` is a registry, `nginx` and `nginx:1.27` are not.
function hostOf(name: string): string | undefined {
  const written = name.replace(/^https?:\/\//, '').replace(/\/$/, '');
  if (written.includes('/') || !isDomain(written)) return undefined;
  const isHost = written !== name.replace(/\/$/, '') || written.startsWith('localhost') || /\.|:\d+$/.test(written);
  const isImage = /^[^.]+:\d+$/.test(written) && !written.startsWith('localhost') && written === name;
  return isHost && !isImage ? name : undefined;
}

async function repositoriesOf(host: string, session: Session, flags: RegistryFlags, signal: AbortSignal) {
  const bare = host.replace(/\/$/, '');
  const isUpstream = session.config.upstreams.has(bare);
  const registry = isUpstream ? session.upstream(bare).registry : session.registry(parseRegistry(host, flags).endpoint);
  return await readCatalog(registry, { signal });
}

async function tagsOf(name: string, session: Session, flags: RegistryFlags, signal: AbortSignal) {
  const scheme = /^(https?:\/\/)([^/]+)\//.exec(name);
  const reference = parseUntaggedReference(name.replace(/^https?:\/\//, ''));
  const repository =
    scheme === null
      ? repositoryOf(reference, session, flags)
      : session
          .registry(endpointOf(`${scheme[1]}${scheme[2]}`, session.config, flags))
          .repository(reference.repository);
  const tags = await repository.listTags({ signal });
  if (tags !== undefined) return [...tags];
  throw new RemoteError(repository.registry.host, 'NAME_UNKNOWN', `has no repository ${repository.name}`, {
    status: 404,
  });
}
