// The same requests to the two editions of the pull path: `wharf serve`, and the Worker in workerd.
import { afterAll, beforeAll, beforeEach, describe, test } from 'vitest';
import { freePort } from '../support/programs/free-port.ts';
import { skipNote } from '../support/programs/missing-programs.ts';
import { openWharf } from '../support/programs/wharf.ts';
import { startWorker } from '../support/programs/worker.ts';
import {
  type EditionName,
  type RequestWorld,
  SERVER_NAME,
  type StartEdition,
  openRequestWorld,
} from '../worker/request-world.ts';
import { REQUEST_CASES } from '../worker/requests.ts';

const EDITIONS: Readonly<Record<EditionName, StartEdition>> = {
  async node(upstreams) {
    await using started = new AsyncDisposableStack();
    const wharf = started.use(await openWharf());
    const host = `127.0.0.1:${await freePort()}`;
    await wharf.configure(JSON.stringify({ listen: host, admin: 'off', upstreams }));
    const server = started.use(await wharf.start(['serve']));
    await server.firstLine;
    const running = started.move();
    return { host, [Symbol.asyncDispose]: () => running.disposeAsync() };
  },
  worker: (upstreams) => startWorker({ UPSTREAMS: upstreams, SERVER_NAMES: SERVER_NAME }),
};

describe.each(Object.keys(EDITIONS) as EditionName[])('the %s edition', (name) => {
  let world: RequestWorld;
  beforeAll(async () => {
    world = await openRequestWorld(EDITIONS[name]);
  });
  beforeEach(() => world.reset());
  afterAll(() => world[Symbol.asyncDispose]());

  for (const { title, skip, run } of REQUEST_CASES) {
    const reason = skip?.[name];
    test.skipIf(reason !== undefined)(`${title}${skipNote(reason)}`, () => run(world));
  }
});
