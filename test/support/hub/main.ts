// A hub as a process of its own, for benchmarks and end-to-end tests. One JSON line with the URLs says that it is ready.
import { parseArgs } from 'node:util';
import { startControl } from '../origin/control.ts';
import { runUntilStopped } from '../origin/run-until-stopped.ts';
import type { Build } from './generate-images.ts';
import type { HubAccount } from './hub-options.ts';
import { startHub } from './hub.ts';
import { libraryImages } from './library-images.ts';

const { values } = parseArgs({
  options: {
    library: { type: 'string' },
    repositories: { type: 'string' },
    port: { type: 'string' },
    limit: { type: 'string' },
    window: { type: 'string' },
    account: { type: 'string', multiple: true, default: [] },
    private: { type: 'string', multiple: true, default: [] },
    'api-limit': { type: 'string' },
    'abuse-limit': { type: 'string' },
    'old-tags': { type: 'string' },
    'layer-bytes': { type: 'string' },
    'latency-ms': { type: 'string' },
  },
});
if (values.library === undefined) throw new Error('--library DIR is needed: a folder that holds library/');

const names = values.repositories?.split(',');
const hub = await startHub({
  images: await libraryImages(values.library, names),
  port: number(values.port),
  limit: number(values.limit),
  windowSeconds: number(values.window),
  accounts: values.account.map(readAccount),
  privateRepositories: values.private,
  apiLimitPerMinute: number(values['api-limit']),
  abuseLimitPerMinute: number(values['abuse-limit']),
  oldTagsPerRepository: number(values['old-tags']),
  layerBytes: number(values['layer-bytes']),
  latencyMs: number(values['latency-ms']),
});
const control = await startControl(hub, {
  'GET /expected': () => hub.expected(),
  'POST /library': async (body) => {
    const images = await libraryImages((body as { folder: string }).folder);
    // A name may have left the library.
    hub.moveTo(images.filter(({ name }) => names === undefined || names.includes(name)));
  },
  'POST /rebuild': (body) => {
    const { repository, tag, ...changes } = body as { repository: string; tag: string } & Partial<Build>;
    hub.rebuild(repository, tag, changes);
  },
});
const { registryUrl, tokenUrl, cdnUrl, apiUrl } = hub;
await runUntilStopped({ registryUrl, tokenUrl, cdnUrl, apiUrl, controlUrl: control.url }, [control, hub]);

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** `USER:PASSWORD` or `USER:PASSWORD:PULLS`. */
function readAccount(text: string): HubAccount {
  const [username = '', password = '', limit] = text.split(':');
  return { username, password, limit: number(limit) };
}
