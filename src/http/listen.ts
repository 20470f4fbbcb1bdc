import { unlink } from 'node:fs/promises';
import { type Server, connect } from 'node:net';
import type { ListenAddress } from '../config/listen-address.ts';

/** Resolves with the address that was taken. Rejects with the system's error when somebody else has it. */
export async function listen(server: Server, address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === 'unix') {
    await listenOnSocketFile(server, address.path);
    return address;
  }
  await begin(server, { port: address.port, ...(address.host !== undefined && { host: address.host }) });
  const taken = server.address();
  return typeof taken === 'object' && taken !== null ? { ...address, port: taken.port } : address;
}

/** A process that was killed leaves its socket's file behind; one that nobody answers at is in nobody's way. */
async function listenOnSocketFile(server: Server, path: string): Promise<void> {
  try {
    await begin(server, { path });
  } catch (error) {
    if (!isCode(error, 'EADDRINUSE') || !(await isAbandoned(path))) throw error;
    await unlink(path);
    await begin(server, { path });
  }
}

function begin(server: Server, where: { path: string } | { port: number; host?: string }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(where, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(isCode(error, 'ECONNREFUSED')));
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
