import type { Command } from '@commander-js/extra-typings';
import { type StoredToken, createToken, listTokens, revokeToken } from '../../accounts/stored-tokens.ts';
import { KnownAccounts } from '../../app/known-accounts.ts';
import { systemClock } from '../../async/clock.ts';
import { parseDuration } from '../../config/duration.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { loadConfig } from '../open-session.ts';
import { formatTable } from '../output/table.ts';
import { type CommandContext, printJson } from '../terminal.ts';

/** `wharf user token`: what robots, and people's scripts, log in with instead of a password. */
export function addUserTokenCommands(user: Command, { terminal }: CommandContext): void {
  const token = user.command('token').description('Make and revoke what robots log in with');
  token
    .command('create')
    .description('Print a new token, this once')
    .argument('<account>', 'whose it is')
    .option('--description <text>', 'what it is for', '')
    .option('--expires <age>', 'how long it is good, such as 90d, or never', '365d')
    .option('--config <file>', 'the configuration')
    .action((text, { description, expires, config }) => {
      if (!/^[^\p{Cc}]{0,200}$/u.test(description)) {
        throw new UsageError('a description is one line of at most 200 characters');
      }
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      const account = known.existing(text);
      const nowMs = systemClock.now();
      const expiresAtMs = expires === 'never' ? undefined : nowMs + parseAge(expires);
      const { id, secret } = createToken(known.store, { account, description, nowMs, expiresAtMs });
      terminal.out(`${secret}\n`);
      terminal.err(
        `this is token ${id} of ${account}; it is not shown again. It logs in as ${account}, as a password\n`,
      );
    });
  token
    .command('list')
    .description('Show the tokens, but for what they are')
    .option('--json', 'print them as JSON')
    .option('--config <file>', 'the configuration')
    .action(({ json = false, config }) => {
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      const tokens = listTokens(known.store);
      if (json) printJson(terminal, { version: 1, tokens: tokens.map(jsonOf) });
      else terminal.out(formatTable(['ID', 'ACCOUNT', 'EXPIRES', 'LAST USED', 'DESCRIPTION'], tokens.map(rowOf)));
    });
  token
    .command('revoke')
    .description('Make a token worthless, at once')
    .argument('<id>', 'as `wharf user token list` shows it')
    .option('--config <file>', 'the configuration')
    .action((id, { config }) => {
      using known = new KnownAccounts(loadConfig({ config }, terminal));
      revokeToken(known.store, id);
      terminal.out(`revoked ${id}\n`);
    });
}

function parseAge(text: string): number {
  const ageMs = parseDuration(text);
  if (ageMs !== undefined && ageMs > 0) return ageMs;
  throw new UsageError(`"${text}" is not an age; write --expires 12h, 90d or never`);
}

function jsonOf({ id, account, description, createdAtMs, expiresAtMs, usedAtMs }: StoredToken) {
  return {
    id,
    account,
    description,
    createdAt: timeOf(createdAtMs),
    expiresAt: timeOf(expiresAtMs) ?? null,
    usedAt: timeOf(usedAtMs) ?? null,
  };
}

function rowOf({ id, account, description, expiresAtMs, usedAtMs }: StoredToken): readonly string[] {
  const day = (timeMs: number | undefined) => timeOf(timeMs)?.slice(0, 10) ?? 'never';
  return [id, account, day(expiresAtMs), day(usedAtMs), description];
}

function timeOf(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString();
}
