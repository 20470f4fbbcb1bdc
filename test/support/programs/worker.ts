// The Worker edition in workerd, the runtime of Cloudflare, on loopback: bundled as for a deployment, and with the settings
// of deploy/worker/wrangler.jsonc.
import path from 'node:path';
import { build } from 'esbuild';
import { Miniflare } from 'miniflare';
import { type Bindings, wranglerSettings } from './wrangler-settings.ts';

export interface RunningWorker extends AsyncDisposable {
  /** `127.0.0.1:5123` */
  readonly host: string;
  /** What it has printed. */
  readonly log: readonly string[];
}

const ROOT = path.join(import.meta.dirname, '../../..');

export async function startWorker(
  bindings: Bindings,
  /** With a certificate that nobody trusts, for clients that try TLS first and wait for it. */
  { https = false }: { readonly https?: boolean } = {},
): Promise<RunningWorker> {
  const { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags } = await wranglerSettings();
  const log: string[] = [];
  const miniflare = new Miniflare({
    modules: [{ type: 'ESModule', path: 'index.js', contents: await bundle() }],
    compatibilityDate,
    compatibilityFlags,
    // What has the form of JSON: an object stays one.
    bindings: JSON.parse(JSON.stringify(bindings)) as Record<string, string>,
    host: '127.0.0.1',
    port: 0,
    https,
    // It would ask a server elsewhere what a request from here looks like there.
    cf: false,
    handleStructuredLogs: ({ message }: { readonly message: string }) => void log.push(message),
  });
  const { host } = await miniflare.ready;
  return { host, log, [Symbol.asyncDispose]: () => miniflare.dispose() };
}

let bundled: Promise<string> | undefined;

function bundle(): Promise<string> {
  bundled ??= build({
    entryPoints: [path.join(ROOT, 'src/worker/index.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
    target: 'es2024',
  }).then(({ outputFiles }) => outputFiles[0]?.text ?? '');
  return bundled;
}
