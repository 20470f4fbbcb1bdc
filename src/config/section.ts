import { z } from 'zod';
import { closest } from './did-you-mean.ts';

/** A map with known keys; any other key is an error that names the nearest known one, or all. */
export function section<Shape extends z.ZodRawShape>(expected: string, shape: Shape) {
  return z.strictObject(shape, {
    // One line for each unknown key, in the order of the issue's `keys`.
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, Object.keys(shape))).join('\n')
        : `expected ${expected}`,
  });
}

export function listOf<Item extends z.ZodType>(expected: string, item: Item) {
  return z.array(item, { error: `expected a list of ${expected}` });
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = closest(key, known);
  const hint = near === undefined ? `the keys here are ${known.join(', ')}` : `did you mean "${near}"?`;
  return `there is no such key; ${hint}`;
}
