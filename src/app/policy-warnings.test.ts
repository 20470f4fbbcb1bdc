import { expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { policyWarnings } from './policy-warnings.ts';

function warningsOf(rule: Record<string, unknown>, more: Record<string, unknown> = {}): readonly string[] {
  const policy = [{ accounts: ['ann'], allow: ['pull'], ...rule }];
  const text = JSON.stringify({ hosted: ['team/**', 'tool'], accounts: { groups: { ops: ['ann'] }, policy, ...more } });
  const config = parseConfig(text, { file: 'wharf.yaml', env: {}, resolvePath: (path) => path, readSecret: () => '' });
  return policyWarnings(config, new Set(['ann', 'ci']));
}

test.each([
  [{ repositories: ['**'] }],
  [{ repositories: ['docker.io/library/**', 'docker.io/nginx', 'ghcr.io/owner/*'] }],
  [{ repositories: ['team/app', 'team/**', 'tool', 'library/tool'] }],
  [{ accounts: ['*', 'ci'], groups: ['ops'] }],
])('a rule that means something is not spoken of: %j', (rule) => {
  expect(warningsOf(rule)).toEqual([]);
});

test.each([
  [{ repositories: ['taem/**'] }, /policy\[0\] is for "taem\/\*\*", which matches nothing that is served here/],
  [{ repositories: ['library/nginx'] }, /"library\/nginx", which matches nothing/],
  [{ repositories: ['docker.oi/**'] }, /"docker\.oi\/\*\*"/],
  [{ accounts: ['anne'] }, /policy\[0\] names anne, and there is no such account/],
  [{ groups: ['opps'] }, /policy\[0\] names opps, and there is no such group/],
])('a rule that means nothing is told of: %j', (rule, warning) => {
  expect(warningsOf(rule)).toEqual([expect.stringMatching(warning)]);
});

test('so is a member of a group that is no account', () => {
  expect(warningsOf({}, { groups: { ops: ['eve'] } })).toEqual([expect.stringMatching(/^the group ops has eve, and/)]);
});
