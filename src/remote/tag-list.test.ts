import { describe, expect, test } from 'vitest';
import { scriptedApp, startApp } from '../../test/support/client/app-repository.ts';
import { HTML_PAGE, type Reply, endless, json } from '../../test/support/client/scripted-send.ts';
import { hang, resetAt, truncateAt } from '../../test/support/origin/fault-actions.ts';
import { parseRepositoryName } from '../oci/reference.ts';

describe('the tags of a repository', () => {
  const list = (tags: readonly string[], link?: string): Reply => ({
    ...json({ tags }),
    ...(link !== undefined && { headers: { link } }),
  });

  test('are all of them, page by page, whatever the links look like', async () => {
    const pages: Readonly<Record<string, Reply>> = {
      '/v2/team/app/tags/list?n=1000': list(['a'], '</v2/team/app/tags/list?last=a,b&n=1>; rel="next"'),
      '/v2/team/app/tags/list?last=a,b&n=1': list(['b'], '<?last=b>; rel=next'),
      '/v2/team/app/tags/list?last=b': list(['c'], '<https://reg.example.com/v2/team/app/tags/list?x>; rel="next"'),
      '/v2/team/app/tags/list?x': list(['d']),
    };
    const { repository } = scriptedApp(({ url }) => pages[url.pathname + url.search] ?? { status: 500 });
    expect(await repository.listTags()).toEqual(new Set(['a', 'b', 'c', 'd']));
  });

  test('end where a page brings nothing new, so no list goes in circles', async () => {
    let page = 0;
    const { repository, requests } = scriptedApp(() => list(['a', 'b'], `</v2/x?page=${(page += 1)}>; rel="next"`));
    expect(await repository.listTags()).toEqual(new Set(['a', 'b']));
    expect(requests).toHaveLength(3);
  });

  test('are undefined when there is no such repository', async () => {
    await using app = await startApp();
    const other = app.repository.registry.repository(parseRepositoryName('team/other'));
    expect(await other.listTags()).toBeUndefined();
  });

  test('may be none', async () => {
    const { repository } = scriptedApp(() => ({ status: 200, body: '{"name":"team/app","tags":null}' }));
    expect(await repository.listTags()).toEqual(new Set());
  });

  test.each([
    ['is reset', resetAt(5)],
    ['is cut off', truncateAt(5)],
    ['hangs', hang()],
  ])('are asked for again when a page %s once', async (_, action) => {
    await using app = await startApp({ when: { kind: 'tags', nth: 1 }, action });
    expect(await app.repository.listTags()).toEqual(new Set(['1']));
  });

  test.each([
    ['a web page', HTML_PAGE],
    ['cut off', { status: 200, body: '{"tags":["a"' }],
    ['another thing', json({ tags: 'a' })],
    ['a list of other things', json({ tags: [1] })],
  ])('that are %s are no list', async (_, reply) => {
    const { repository } = scriptedApp(() => reply);
    await expect(repository.listTags()).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: 'reg.example.com answered with something that is not a list for the tags of team/app',
    });
  });

  test('are left out where they are no tags', async () => {
    const { repository } = scriptedApp(() => list(['ok', '', '../x', 'a b', '\u001b[2J', 'x'.repeat(129)]));
    expect(await repository.listTags()).toEqual(new Set(['ok']));
  });

  test('that never end are cut off', async () => {
    const { body, taken } = endless();
    const { repository } = scriptedApp(() => ({ status: 200, body }));
    await expect(repository.listTags()).rejects.toMatchObject({ code: 'NOT_A_REGISTRY' });
    expect(taken()).toBeLessThan(40 * 1024 * 1024);
  });
});
