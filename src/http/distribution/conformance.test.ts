// The cases of distribution-spec's conformance suite, as a table of our own: each with the section that it holds us to.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { BLOB_CASES } from '../../../test/support/hosted/conformance/blob-cases.ts';
import { LIST_CASES } from '../../../test/support/hosted/conformance/list-cases.ts';
import { MANIFEST_CASES } from '../../../test/support/hosted/conformance/manifest-cases.ts';
import { type Served, serveRegistry } from '../../../test/support/hosted/served-registry.ts';

describe.each(['sha256', 'sha512'] as const)('with %s', (algorithm) => {
  let served: Served;
  beforeAll(async () => void (served = await serveRegistry()));
  afterAll(async () => served[Symbol.asyncDispose]());

  for (const [index, [section, sentence, run]] of [...BLOB_CASES, ...MANIFEST_CASES, ...LIST_CASES].entries()) {
    test(`${sentence} (§${section})`, () =>
      run({ algorithm, repository: `conformance/case-${index}`, send: served.send }));
  }
});
