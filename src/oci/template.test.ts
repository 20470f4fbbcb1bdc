import { expect, test } from 'vitest';
import { expandTemplate } from './template.ts';

const nginx = { repository: 'library/nginx', name: 'nginx', upstream: 'docker.io', tag: '1.27' };

test.each([
  ['{repository}', 'library/nginx'],
  ['mirror/{upstream}/{repository}', 'mirror/docker.io/library/nginx'],
  ['xxx/', 'xxx/nginx'],
  ['', 'nginx'],
  ['all-in-one', 'all-in-one'],
  ['{name}-{tag}', 'nginx-1.27'],
])('%j makes %j', (template, expanded) => {
  expect(expandTemplate(template, nginx)).toBe(expanded);
});

test.each(['{nmae}', '{repository', 'repository}', '{}', '{{name}}'])('%j is refused', (template) => {
  expect(() => expandTemplate(template, nginx)).toThrow('template');
});

test('a placeholder whose value is not known is refused', () => {
  expect(() => expandTemplate('{tag}', { repository: 'a', name: 'a' })).toThrow('{tag}');
});
