import { expect, test } from 'vitest';
import { jsonAnswer } from '../http/distribution/answer.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import { Retiring } from './retiring.ts';

const REQUEST = {} as HttpRequest;

function needs(): AsyncDisposable & { isGivenBack: boolean } {
  return {
    isGivenBack: false,
    async [Symbol.asyncDispose]() {
      this.isGivenBack = true;
    },
  };
}

test('what a handler needs is given back when the last request that it was asked has been answered', async () => {
  const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const resources = needs();
  let asked = 0;
  const retiring = new Retiring(async () => {
    await held[asked++]!.promise;
    return jsonAnswer(200, {});
  }, resources);
  const answers = [retiring.handler(REQUEST), retiring.handler(REQUEST)];
  const over = retiring[Symbol.asyncDispose]();
  held[1]!.resolve();
  await answers[1];
  expect(resources.isGivenBack).toBe(false);
  held[0]!.resolve();
  await over;
  expect(resources.isGivenBack).toBe(true);
});

test('who answers at once is waited for by nobody', async () => {
  const resources = needs();
  const retiring = new Retiring(() => jsonAnswer(200, {}), resources);
  expect(retiring.handler(REQUEST)).toMatchObject({ status: 200 });
  await retiring[Symbol.asyncDispose]();
  expect(resources.isGivenBack).toBe(true);
});
