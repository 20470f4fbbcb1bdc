import { request } from 'node:http';
import { z } from 'zod';
import type { ListenAddress } from '../config/listen-address.ts';
import { UsageError } from '../oci/usage-error.ts';
import { describeAddress } from './open-server.ts';

const DEADLINE_MS = 10_000;
const MAX_ANSWER = 4 * 1024 * 1024;

const refusal = z.object({ errors: z.array(z.object({ message: z.string() })).min(1) });

/** Asks the admin listener of a server that runs. Throws UsageError with its own words, or that it is not there. */
export async function askAdmin(
  address: ListenAddress | undefined,
  method: 'GET' | 'POST',
  path: string,
): Promise<unknown> {
  if (address === undefined) {
    throw new UsageError('the configuration has admin: off, so a server cannot be told anything; give it an address');
  }
  const { status, text } = await exchange(address, method, path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const where = describeAddress(address);
    throw new UsageError(`no wharf serve answers at ${where} (${reason}); start it, or set admin to where it listens`, {
      cause: error,
    });
  });
  const answer = parse(text);
  if (status >= 200 && status < 300 && answer !== undefined) return answer;
  const refused = refusal.safeParse(answer).data?.errors[0]?.message;
  throw new UsageError(refused ?? `the server at ${describeAddress(address)} answered ${status}`);
}

function exchange(address: ListenAddress, method: string, path: string): Promise<{ status: number; text: string }> {
  const to = address.kind === 'unix' ? { socketPath: address.path } : { host: hostOf(address), port: address.port };
  return new Promise((resolve, reject) => {
    const sent = request({ ...to, method, path, signal: AbortSignal.timeout(DEADLINE_MS) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('error', reject);
      response.on('data', (more: string) => {
        text += more;
        if (text.length > MAX_ANSWER) sent.destroy(new Error('its answer is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end();
  });
}

/** Where a server that listens everywhere is reached from its own machine. */
function hostOf({ host = '0.0.0.0' }: Extract<ListenAddress, { kind: 'tcp' }>): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What has another port of the machine answers in its own way.
    return undefined;
  }
}
