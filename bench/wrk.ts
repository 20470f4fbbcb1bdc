import { MEDIA_TYPES } from '../src/oci/media-type.ts';
import { runProgram } from '../test/support/programs/program.ts';

const ACCEPT = `${MEDIA_TYPES.ociIndex}, ${MEDIA_TYPES.ociImage}`;

/** How often wrk is answered, over so many connections for so long. Throws when anything but a 2xx is among the answers. */
export async function requestsPerSecond(
  url: string,
  connections: number,
  seconds: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const sent = Object.entries({ accept: ACCEPT, ...headers }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '30s', ...sent, url];
  const { code, stdout, stderr } = await runProgram('wrk', args);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  if (code !== 0 || rate === undefined || /Non-2xx/.test(stdout))
    throw new Error(`wrk ended with ${code}: ${stdout}${stderr}`);
  return Number(rate);
}
