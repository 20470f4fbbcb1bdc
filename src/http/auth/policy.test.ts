import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePattern } from '../../oci/pattern.ts';
import { ACTIONS, Policy, type PolicyRule } from './policy.ts';

const NOBODY: PolicyRule = {
  repositories: ['**'],
  accounts: [],
  groups: [],
  anonymous: false,
  networks: [],
  allow: ['pull'],
};
const at = (account: string | undefined, address = '192.0.2.1') => ({ account, address });

function policy(...rules: readonly Partial<PolicyRule>[]): Policy {
  return new Policy({
    rules: rules.map((rule) => ({ ...NOBODY, ...rule })),
    groups: new Map([['team', ['ann', 'bob']]]),
  });
}

describe('a rule', () => {
  test('gives what it allows, to those it names, for what it is for', () => {
    const rules = policy({ repositories: ['team/**'], accounts: ['ann'], allow: ['pull', 'push'] });
    expect(rules.allows(at('ann'), 'team/app', 'push')).toBe(true);
    expect(rules.allows(at('ann'), 'team/app', 'delete')).toBe(false);
    expect(rules.allows(at('ann'), 'other/app', 'pull')).toBe(false);
    expect(rules.allows(at('bob'), 'team/app', 'pull')).toBe(false);
    expect(rules.allows(at(undefined), 'team/app', 'pull')).toBe(false);
  });

  test('is for groups, for every account, or for everybody', () => {
    const rules = policy(
      { repositories: ['team/*'], groups: ['team'] },
      { repositories: ['all/*'], accounts: ['*'] },
      { repositories: ['open/*'], anonymous: true },
    );
    const names = (account: string | undefined) =>
      ['team/a', 'all/a', 'open/a'].filter((name) => rules.allows(at(account), name, 'pull'));
    expect(names('bob')).toEqual(['team/a', 'all/a', 'open/a']);
    expect(names('eve')).toEqual(['all/a', 'open/a']);
    expect(names(undefined)).toEqual(['open/a']);
  });

  test('may be for some networks only', () => {
    const rules = policy({ anonymous: true, networks: ['10.0.0.0/8', '2001:db8::/32'] });
    const reached = ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7', '11.0.0.1', '2001:db9::1', '', 'nonsense'].filter(
      (address) => rules.allows(at(undefined, address), 'a/b', 'pull'),
    );
    expect(reached).toEqual(['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7']);
  });

  test('of a single component is for library/ too, as everywhere', () => {
    const rules = policy({ repositories: ['docker.io/nginx', 'redis'], anonymous: true });
    expect(rules.allows(at(undefined), 'docker.io/library/nginx', 'pull')).toBe(true);
    expect(rules.allows(at(undefined), 'library/redis', 'pull')).toBe(true);
    expect(rules.allows(at(undefined), 'docker.io/library/redis', 'pull')).toBe(false);
  });

  test('gives what concerns the whole server only when it is for all repositories', () => {
    const rules = policy(
      { accounts: ['root'], allow: ['admin'] },
      { repositories: ['team/**', '*', '*/**'], accounts: ['ann'], allow: ['admin'] },
    );
    expect(rules.allowsEverywhere(at('root'), 'admin')).toBe(true);
    expect(rules.allowsEverywhere(at('root'), 'pull')).toBe(false);
    expect(rules.allowsEverywhere(at('ann'), 'admin')).toBe(false);
  });
});

test('no account is special because of what it is called', () => {
  const rules = policy({ accounts: ['ann'] });
  for (const account of ['', '*', '__proto__', 'constructor', 'ANN', 'ann ', 'team']) {
    expect(rules.allows(at(account), 'a/b', 'pull')).toBe(false);
  }
});

const rule = fc.record({
  repositories: fc.array(fc.constantFrom('**', 'a/**', 'a/*', 'b/x', '*/x', 'docker.io/**', 'docker.io/a/x'), {
    minLength: 1,
    maxLength: 3,
  }),
  accounts: fc.subarray(['ann', 'bob', '*']),
  groups: fc.subarray(['team', 'none']),
  anonymous: fc.boolean(),
  networks: fc.subarray(['10.0.0.0/8', '192.0.2.0/24']),
  allow: fc.subarray([...ACTIONS], { minLength: 1 }),
});

test('however rules are kept, they give what each of them says, asked in any order and again', () => {
  const question = fc.record({
    account: fc.constantFrom('ann', 'bob', 'eve', undefined),
    address: fc.constantFrom('10.0.0.1', '192.0.2.9', '8.8.8.8'),
    repository: fc.constantFrom('a/x', 'a/b/c', 'b/x', 'docker.io/a/x', 'docker.io/b'),
    action: fc.constantFrom(...ACTIONS),
  });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), fc.array(question, { maxLength: 20 }), (rules, questions) => {
      const compiled = policy(...rules);
      for (const { account, address, repository, action } of [...questions, ...questions]) {
        const expected = rules.some((each) => {
          const isNamed =
            account !== undefined &&
            (each.accounts.includes('*') ||
              each.accounts.includes(account) ||
              (each.groups.includes('team') && account !== 'eve'));
          const isThere =
            each.networks.length === 0 ||
            each.networks.some((network) => address.startsWith(network.startsWith('10.') ? '10.' : '192.0.2.'));
          const isFor = each.repositories.some((pattern) => parsePattern(pattern).matchesName(repository));
          return (each.anonymous || isNamed) && isThere && isFor && each.allow.includes(action);
        });
        expect(compiled.allows({ account, address }, repository, action)).toBe(expected);
      }
    }),
  );
});
