import { isSameAddress, type ListenAddress } from '../listen-address.ts';
import * as scalars from '../scalars.ts';
import { literal, type Part, type WharfSetting } from './part.ts';
import { restrictionsOf } from './restrictions.ts';
import type { RegistrySettings } from './settings.ts';

interface Listener {
  readonly text: string;
  readonly address: ListenAddress;
}

/** As a registry without accounts is. */
const OPEN_TO_ALL: WharfSetting = {
  key: 'anonymous',
  value: 'everything',
  comment: [
    'Whoever reaches it may do all that Wharf allows. `pull` lets others only pull; docs/accounts.md has logins.',
  ],
};
const HTTP_ADDR = ['http', 'addr'];
const DEBUG_ADDR = ['http', 'debug', 'addr'];
const USUAL = onLoopback(5000);
const USUAL_ADMIN = onLoopback(5001);

/** `http.addr`, `http.host` and `http.debug`: where Wharf listens, for whom, and how it is called from outside. */
export function convertListeners(settings: RegistrySettings): Part {
  const old = readListener(settings) ?? USUAL;
  const admin = readAdmin(settings, old);
  const moved = moveToLoopback(old, admin?.address, restrictionsOf(settings));
  const externalUrl = settings.parsed(scalars.url, ['http', 'host']);
  const notes = [...moved.notes];
  if (admin !== undefined && !isLocal(admin.address)) {
    notes.push('http.debug.addr: what listens there has no login; keep it in a network of your own');
  }
  if (settings.flag('http', 'debug', 'prometheus', 'enabled')) {
    notes.push('http.debug.prometheus: metrics are at /metrics of `admin`, under names of their own (docs/metrics.md)');
  }
  return {
    settings: [
      { key: 'listen', value: literal(moved.listener.text), comment: moved.comment },
      ...(isLocal(moved.listener.address) ? [] : [OPEN_TO_ALL]),
      ...adminSetting(admin, moved.listener),
      ...(externalUrl === undefined ? [] : [{ key: 'externalUrl', value: literal(externalUrl.value) }]),
    ],
    notes,
  };
}

function readListener(settings: RegistrySettings): Listener | undefined {
  const net = settings.text('http', 'net') ?? '';
  if (net === '' || net === 'tcp') return readAddress(settings, HTTP_ADDR);
  if (net !== 'unix') {
    settings.report(['http', 'net'], 'expected tcp or unix');
    return undefined;
  }
  const socket = settings.parsed(scalars.path, HTTP_ADDR)?.text ?? '';
  if (!socket.startsWith('/')) settings.report(HTTP_ADDR, 'expected the path of a socket, from / on');
  return { text: `unix:${socket}`, address: { kind: 'unix', path: socket } };
}

function readAddress(settings: RegistrySettings, path: readonly string[]): Listener | undefined {
  const found = settings.parsed(scalars.listenAddress, path);
  return found && { text: found.text, address: found.value };
}

function readAdmin(settings: RegistrySettings, { address }: Listener): Listener | undefined {
  const admin = readAddress(settings, DEBUG_ADDR);
  if (admin !== undefined && isSameAddress(admin.address, address)) {
    settings.report(DEBUG_ADDR, 'this is where the registry listens; choose another address');
  }
  return admin;
}

interface Moved {
  readonly listener: Listener;
  readonly comment: readonly string[];
  readonly notes: readonly string[];
}

// The old address is then for the proxy, which may be on this very machine.
function moveToLoopback(old: Listener, admin: ListenAddress | undefined, restrictions: readonly string[]): Moved {
  if (isLocal(old.address)) return { listener: old, comment: [], notes: [] };
  if (restrictions.length === 0) {
    const notes = [
      `http.addr: whoever reaches ${old.text} may push and delete what is hosted, as before; \`anonymous\` says so`,
    ];
    return { listener: old, comment: [], notes };
  }
  const free = [5000, 5002, 5003].map(onLoopback);
  const taken = admin === undefined ? [old.address] : [old.address, admin];
  const listener = free.find(({ address }) => !taken.some((other) => isSameAddress(address, other))) ?? USUAL;
  const why = restrictions.join(' and ');
  return {
    listener,
    comment: [`Was ${old.text}. Only this machine, without ${why}.`],
    notes: [
      `http.addr: Wharf listens on ${listener.text} only, without ${why}; let a proxy in front do that on ${old.text}`,
    ],
  };
}

function adminSetting(admin: Listener | undefined, { address }: Listener): readonly WharfSetting[] {
  if (admin !== undefined) return [{ key: 'admin', value: literal(admin.text) }];
  return isSameAddress(USUAL_ADMIN.address, address) ? [{ key: 'admin', value: 'off' }] : [];
}

function onLoopback(port: number): Listener {
  return { text: `127.0.0.1:${port}`, address: { kind: 'tcp', host: '127.0.0.1', port } };
}

function isLocal(address: ListenAddress): boolean {
  return address.kind === 'unix' || /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(address.host ?? '');
}
