// A client that says exactly what it is told to say, and takes names for 127.0.0.1.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';

export interface CurlAnswer {
  readonly status: number;
  /** `1.1` or `2` */
  readonly version: string;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Where `Location` leads a client. */
  readonly location: string;
}

/** Throws when there is no answer. `authority` is the certificate that signed those of the servers. */
export async function curl(authority: string, url: string, ...args: readonly string[]): Promise<CurlAnswer> {
  await using folder = await scratchFolder('curl');
  const at = (name: string) => path.join(folder.path, name);
  const told = [
    '--cacert',
    authority,
    '--connect-to',
    '::127.0.0.1:',
    '--dump-header',
    at('head'),
    '--output',
    at('body'),
  ];
  const format = ['--write-out', '%{http_code} %{http_version}'];
  const { code, stdout, stderr } = await runProgram('curl', [
    '--silent',
    '--show-error',
    ...told,
    ...format,
    ...args,
    url,
  ]);
  if (code !== 0) throw new Error(`curl ${url} ended with ${code}: ${stderr}`);
  const [status, version = ''] = stdout.split(' ');
  // What comes before are `100 Continue` and the like.
  const head = (await readFile(at('head'), 'latin1')).trimEnd().split('\r\n\r\n').at(-1) ?? '';
  const body = await readFile(at('body')).catch(() => Buffer.alloc(0));
  const headers = headersOf(head);
  const location = new URL(headers.get('location') ?? '', url).href;
  return { status: Number(status), version, headers, body, location };
}

function headersOf(head: string): Headers {
  const lines = head.split('\r\n').slice(1);
  return new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
}
