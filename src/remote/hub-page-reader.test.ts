import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { HubPageReader } from './hub-page-reader.ts';

function read(text: string, cuts: readonly number[] = []): { entries: unknown[]; rest: unknown } {
  const reader = new HubPageReader();
  const entries: string[] = [];
  const ends = [...cuts.map((cut) => cut % (text.length + 1)).toSorted((one, other) => one - other), text.length];
  let start = 0;
  for (const end of ends) {
    entries.push(...reader.push(text.slice(start, end)));
    start = end;
  }
  return { entries: entries.map((entry): unknown => JSON.parse(entry)), rest: JSON.parse(reader.end()) };
}

test('a page is its entries, and the rest with an empty list', () => {
  const text =
    '{"count": 2, "next": null, "results": [ {"name": "1"}, {"name": "2", "images": [{"os": "a,]"}]} ], "x": [1]}';
  expect(read(text)).toEqual({
    entries: [{ name: '1' }, { name: '2', images: [{ os: 'a,]' }] }],
    rest: { count: 2, next: null, results: [], x: [1] },
  });
});

test('a page without entries has none', () => {
  expect(read('{"results": [\n]}')).toEqual({ entries: [], rest: { results: [] } });
});

test('any page in any pieces is what JSON.parse says it is', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const page = fc.record({
    count: fc.nat(),
    next: fc.string(),
    results: fc.array(value, { maxLength: 5 }),
    last: value,
  });
  fc.assert(
    fc.property(page, fc.array(fc.nat(), { maxLength: 8 }), fc.constantFrom(undefined, 1), (whole, cuts, indent) => {
      const text = JSON.stringify(whole, undefined, indent);
      expect(read(text, cuts)).toEqual(
        JSON.parse(JSON.stringify({ entries: whole.results, rest: { ...whole, results: [] } })),
      );
    }),
  );
});

test('what is no page of JSON is a SyntaxError, at the latest when it is read', () => {
  const garbage = fc.oneof(
    fc.string(),
    fc.string().map((text) => `{"results": [${text}`),
  );
  fc.assert(
    fc.property(garbage, fc.array(fc.nat(), { maxLength: 3 }), (text, cuts) => {
      fc.pre(!isJson(text));
      expect(() => read(text, cuts)).toThrow(SyntaxError);
    }),
  );
});

test.each(['{"results": [1,]}', '{"results": [,1]}', '{"results": [1 2]}', '{"results": [1], }', '{"results": [1]'])(
  '%s is no page',
  (text) => {
    expect(() => read(text)).toThrow(SyntaxError);
  },
);

test('a list that does not come into sight is not waited for', () => {
  expect(() => new HubPageReader().push('x'.repeat(100_000))).toThrow('no list in sight');
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
