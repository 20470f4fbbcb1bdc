// Stands for the DNS that the names of a test are not in: a proxy (HTTPS_PROXY) that connects to 127.0.0.1 whatever it is
// asked for.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';

export interface NameProxy extends AsyncDisposable {
  readonly url: string;
}

export async function startNameProxy(): Promise<NameProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  };
  const server = createServer()
    .on('connection', keep)
    .on('connect', ({ url = '' }, client: Socket) => {
      const there = connect({ host: '127.0.0.1', port: Number(/:(\d+)$/.exec(url)?.[1]) });
      keep(there);
      there.once('connect', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(there).pipe(client);
      });
      there.once('close', () => client.destroy());
    });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
