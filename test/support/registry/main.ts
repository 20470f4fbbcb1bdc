// A registry as a process of its own, for benchmarks and end-to-end tests. One JSON line with the URLs says that it is
// ready.
import { parseArgs } from 'node:util';
import { startControl } from '../origin/control.ts';
import { runUntilStopped } from '../origin/run-until-stopped.ts';
import type { Login } from './login.ts';
import { startRegistry } from './registry.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'latency-ms': { type: 'string', default: '0' },
    login: { type: 'string' },
    scheme: { type: 'string', default: 'basic' },
  },
});

const registry = await startRegistry({
  port: Number(values.port),
  latencyMs: Number(values['latency-ms']),
  login: readLogin(values.login, values.scheme),
});
const control = await startControl(registry);
await runUntilStopped({ registryUrl: registry.url, controlUrl: control.url }, [control, registry]);

/** `USER:PASSWORD` */
function readLogin(text: string | undefined, scheme: string): Login | undefined {
  if (text === undefined) return undefined;
  const [username = '', password = ''] = text.split(':');
  return { username, password, scheme: scheme === 'bearer' ? 'bearer' : 'basic' };
}
