import type { RegistrySettings } from './settings.ts';

const TLS = ['certificate', 'key', 'letsencrypt'];

/** What kept strangers out of the registry and is not taken over: without it, nobody but this machine may come in. */
export function restrictionsOf(settings: RegistrySettings): readonly string[] {
  const isTls = TLS.some((key) => settings.has('http', 'tls', key));
  const isReadOnly = settings.flag('storage', 'maintenance', 'readonly', 'enabled');
  const accounts = settings.keys('auth').filter((kind) => kind !== 'none');
  return [
    ...(accounts.length > 0 ? ['auth'] : []),
    ...(isTls ? ['http.tls'] : []),
    ...(isReadOnly ? ['storage.maintenance.readonly'] : []),
  ];
}
