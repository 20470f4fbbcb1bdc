// Rules that are right by themselves and mean nothing here: mostly a name is misspelt. Whoever wrote them is told, and
// the server starts all the same, as accounts and repositories may yet come.
import type { Config } from '../config/config.ts';
import { spellingsOf } from '../http/auth/policy.ts';
import { patternsMeet } from '../oci/patterns-meet.ts';

type Served = Pick<Config, 'accounts' | 'hosted' | 'upstreams'>;

/** A sentence each. `names` are those of the accounts that there are. */
export function policyWarnings(config: Served, names: ReadonlySet<string>): readonly string[] {
  const { accounts } = config;
  if (accounts === undefined) return [];
  const { groups, policy } = accounts;
  const known = (account: string) => account === '*' || names.has(account);
  const ofGroups = [...groups].flatMap(([group, members]) =>
    members.filter((member) => !known(member)).map((member) => `the group ${group} has ${member}, ${NO_ACCOUNT}`),
  );
  const ofRules = policy.flatMap((rule, index) => {
    const where = `accounts.policy[${index}]`;
    return [
      ...rule.accounts.filter((account) => !known(account)).map((name) => `${where} names ${name}, ${NO_ACCOUNT}`),
      ...rule.groups.filter((group) => !groups.has(group)).map((group) => `${where} names ${group}, ${NO_GROUP}`),
      ...rule.repositories
        .filter((pattern) => !canMatch(pattern, config))
        .map((pattern) => `${where} is for "${pattern}", ${NO_REPOSITORY}`),
    ];
  });
  return [...ofGroups, ...ofRules];
}

const NO_ACCOUNT = 'and there is no such account; `wharf user list` shows those that there are';
const NO_GROUP = 'and there is no such group under accounts.groups';
const NO_REPOSITORY =
  "which matches nothing that is served here: begin with an upstream's name, or with what hosted: has";

function canMatch(pattern: string, { hosted, upstreams }: Served): boolean {
  const written = spellingsOf(pattern);
  const served = [
    ...hosted.flatMap(spellingsOf),
    ...[...upstreams.values()].flatMap(({ name, repositories }) => repositories.map((each) => `${name}/${each}`)),
  ];
  return written.some((one) => served.some((other) => patternsMeet(one, other)));
}
