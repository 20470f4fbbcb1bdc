import * as scalars from '../scalars.ts';
import { formatPath } from '../value-path.ts';
import { literal, type Part } from './part.ts';
import type { RegistrySettings } from './settings.ts';

const NO_DRIVERS = new Set(['cache', 'delete', 'maintenance', 'redirect', 'tag']);
const ROOT = ['storage', 'filesystem', 'rootdirectory'];
const USUAL_ROOT = '/var/lib/registry';
const MOVE = "`wharf copy 'http://HOST:PORT/**' store:` moves what is there while the old registry runs";

/** Where content is: Wharf keeps it in files of a form of its own, so it gets a folder beside the old one. */
export function convertStorage(settings: RegistrySettings): Part {
  const drivers = settings.keys('storage').filter((key) => !NO_DRIVERS.has(key));
  const [driver = 'filesystem', ...further] = drivers;
  if (further.length > 0)
    settings.report(['storage'], 'there are several drivers; keep one, as REGISTRY_STORAGE=NAME does');
  if (driver !== 'filesystem') {
    const why = driver === 'inmemory' ? '' : 'no counterpart yet; ';
    const move = driver === 'inmemory' ? '' : `; ${MOVE}`;
    const note = `${why}content is kept in files, below ./wharf-data unless \`data\` says otherwise${move}`;
    return { settings: [], notes: [`${formatPath(['storage', driver])}: ${note}`] };
  }
  const root = settings.parsed(scalars.path, ROOT)?.text ?? USUAL_ROOT;
  const data = beside(root);
  return {
    settings: [{ key: 'data', value: literal(data), comment: [`Content was in ${root}, in another form.`] }],
    notes: [`storage.filesystem.rootdirectory: ${data} is a new folder, as the form is another; ${MOVE}`],
  };
}

function beside(root: string): string {
  const folder = root.replace(/\/+$/, '');
  return folder === '' ? '/wharf-data' : `${folder}-wharf`;
}
