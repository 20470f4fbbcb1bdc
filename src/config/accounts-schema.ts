import { z } from 'zod';
import * as scalars from './scalars.ts';
import { listOf, section } from './section.ts';

const ACTIONS = ['pull', 'push', 'delete', 'fill', 'admin'] as const;
const actionSchema = z.enum(ACTIONS, { error: `expected one of ${ACTIONS.join(', ')}` });

const ruleSchema = section('a map with accounts, groups or anonymous, and allow', {
  repositories: listOf('patterns', scalars.repositoryPattern)
    .min(1, { error: 'expected at least one pattern' })
    .prefault(['**'])
    .describe("What it is for: `docker.io/library/**` of an upstream, `team/**` of this server's own."),
  accounts: listOf('accounts', scalars.accountOrAll).prefault([]).describe('Who; "*" is every account.'),
  groups: listOf('groups', scalars.groupName).prefault([]).describe('Who, by group.'),
  anonymous: scalars.flag.prefault(false).describe('Whether it is for everybody, logged in or not.'),
  networks: listOf('addresses', scalars.addressRange)
    .prefault([])
    .describe('Where such a client has to be: addresses and ranges. None: anywhere.'),
  allow: listOf('actions', actionSchema)
    .min(1, { error: `expected at least one of ${ACTIONS.join(', ')}` })
    .describe(
      "pull; push and delete; fill, to push into an upstream's repositories; admin, for the API of the admin listener.",
    ),
});

export const accountsSchema = section('a map with htpasswd, groups and policy', {
  htpasswd: scalars.path
    .optional()
    .describe('A file of NAME:HASH lines, bcrypt or argon2id, besides the accounts of `wharf user`.'),
  groups: z
    .record(z.string(), listOf('accounts', scalars.accountName), { error: 'expected a map of accounts by group' })
    .prefault({})
    .describe('Accounts by the name of their group.'),
  policy: listOf('rules', ruleSchema)
    .optional()
    .describe('Who may do what. What no rule gives, nobody has. Without it every account may do everything.'),
  service: scalars.serviceName
    .optional()
    .describe('What tokens are for; by default the host of externalUrl, or wharf.'),
  tokenLifetime: scalars.duration.prefault('5m').describe('How long a token is good, from 1m to 1h.'),
});

export type AccountsInput = z.output<typeof accountsSchema>;
