import type { Command } from '@commander-js/extra-typings';
import type { Session } from '../../app/session.ts';
import { isDomain, parseUntaggedReference } from '../../oci/reference.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import { readCatalog } from '../../remote/repository-list.ts';
import { openSession } from '../open-session.ts';
import { type RegistryFlags, endpointOf, parseRegistry } from '../registry-argument.ts';
import { repositoryOf } from '../repository-argument.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** `wharf list`: what a registry, or one of its repositories, holds. */
export function addListCommand(program: Command, context: CommandContext): void {
  program
    .command('list')
    .aliases(['ls', 'tags'])
    .description('List the repositories of a registry, or the tags of a repository')
    .argument('<name>', 'HOST, or HOST/REPOSITORY, or the name of a Docker Hub repository')
    .option('--plain-http', 'talk http to a registry that is named without a scheme')
    .option('--config <file>', 'the configuration')
    .option('--json', 'print the names as a JSON document')
    .action(async (name, flags) => {
      const { terminal, signal } = context;
      await using session = openSession(flags, terminal);
      const host = hostOf(name);
      const names =
        host === undefined
          ? await tagsOf(name, session, flags, signal)
          : await repositoriesOf(host, session, flags, signal);
      const key = host === undefined ? 'tags' : 'repositories';
      if (flags.json === true) printJson(terminal, { version: 1, name, [key]: names });
      else terminal.out(names.map((each) => `${each}\n`).join(''));
    });
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
