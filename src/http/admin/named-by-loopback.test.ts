import { expect, test } from 'vitest';
import { RawConnection } from '../../../test/support/hosted/raw-connection.ts';
import { serve } from '../../../test/support/hosted/served-registry.ts';
import { namedByLoopback } from './named-by-loopback.ts';

async function statusOf(host: string, path: string): Promise<string> {
  await using served = await serve(namedByLoopback(() => ({ status: 204, headers: {} })));
  using connection = await RawConnection.open(served.port);
  connection.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return (await connection.until('\r\n')).slice('HTTP/1.1 '.length, 'HTTP/1.1 204'.length);
}

test.each(['rebound.example', 'rebound.example:5001', '127.0.0.1.nip.io', 'localhost.example', '192.0.2.1', ''])(
  'a page that was led here as "%s" learns and does nothing',
  async (host) => {
    expect(await statusOf(host, '/v1/upstreams')).toBe('403');
    expect(await statusOf(host, '/healthz')).toBe('204');
  },
);

test.each(['127.0.0.1:5001', 'localhost', '[::1]:5001'])('whoever asks for %s is on this machine', async (host) => {
  expect(await statusOf(host, '/v1/upstreams')).toBe('204');
});
