import { errorAnswer, jsonAnswer } from './answer.ts';
import { readFaults, type ScriptedFault } from './fault-script.ts';
import { Faults } from './faults.ts';
import { type Origin, startOrigin } from './origin.ts';
import { readBody } from './request.ts';

export interface Controlled {
  readonly faults: Faults;
  readonly counters: object;
  resetCounters(): void;
}

/** `METHOD /path` and what it does with a JSON body; what it returns is sent as JSON. */
export type ControlRoutes = Readonly<Record<string, (body: unknown) => unknown>>;

/** A listener beside a server process, through which the tests in another process read and steer it. */
export async function startControl(controlled: Controlled, more: ControlRoutes = {}): Promise<Origin> {
  const routes: ControlRoutes = {
    'GET /counters': () => plainCounters(controlled.counters),
    'POST /reset': () => controlled.resetCounters(),
    'POST /faults': (script) => {
      const faults = readFaults(script as ScriptedFault[]);
      controlled.faults.clear();
      controlled.faults.add(...faults);
    },
    ...more,
  };
  return startOrigin({
    name: 'control',
    classify: () => 'other',
    faults: new Faults(),
    async handle(request) {
      const body = (await readBody(request)).toString();
      const route = routes[`${request.method} ${request.path}`];
      if (route === undefined) return errorAnswer('UNSUPPORTED', `there is ${Object.keys(routes).join(', ')}`);
      return jsonAnswer(200, await route(body === '' ? undefined : JSON.parse(body)));
    },
  });
}

function plainCounters(counters: object): object {
  const plain = Object.entries(counters).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Map ? Object.fromEntries(value) : value,
  ]);
  return Object.fromEntries(plain) as object;
}
