import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Variables and secrets. */
export type Bindings = Readonly<Record<string, string | number | boolean | object>>;

interface WranglerSettings {
  readonly compatibility_date: string;
  readonly compatibility_flags: string[];
  readonly vars: Bindings;
}

const FILE = path.join(import.meta.dirname, '../../../deploy/worker/wrangler.jsonc');

/** What a deployment is made with. The comments of JSONC are those of JavaScript. */
export async function wranglerSettings(): Promise<WranglerSettings> {
  const source = `export default ${readFileSync(FILE, 'utf8')}`;
  const module: unknown = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  return (module as { readonly default: WranglerSettings }).default;
}
