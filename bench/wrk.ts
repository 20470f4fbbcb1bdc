import { MEDIA_TYPES } from '../src/oci/media-type.ts';
import { runProgram } from '../test/support/programs/program.ts';

const ACCEPT = `${MEDIA_TYPES.ociIndex}, ${MEDIA_TYPES.ociImage}`;
const UNITS = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 } as const;

/** How often wrk is answered, over so many connections for so long. Throws when anything but a 2xx is among the answers. */
export async function requestsPerSecond(
  url: string,
  connections: number,
  seconds: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [, rate] = await wrk({ url, connections, seconds, headers }, /Requests\/sec:\s+([\d.]+)/);
  return Number(rate);
}

/** The same of bytes, also of answers that are not over by then: for what takes a good part of the time. */
export async function bytesPerSecond(url: string, connections: number, seconds: number): Promise<number> {
  const [, rate, unit] = await wrk({ url, connections, seconds }, /Transfer\/sec:\s+([\d.]+)(B|KB|MB|GB)/);
  return Number(rate) * UNITS[unit as keyof typeof UNITS];
}

interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
}

async function wrk({ url, connections, seconds, headers = {} }: Load, figure: RegExp): Promise<RegExpExecArray> {
  const sent = Object.entries({ accept: ACCEPT, ...headers }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '30s', ...sent, url];
  const { code, stdout, stderr } = await runProgram('wrk', args);
  const found = figure.exec(stdout);
  if (code !== 0 || found === null || /Non-2xx/.test(stdout))
    throw new Error(`wrk ended with ${code}: ${stdout}${stderr}`);
  return found;
}
