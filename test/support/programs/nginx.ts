// nginx with a prefix of its own, which takes a file as `/etc/nginx/conf.d` would.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Exit, runProgram, startProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';
import { untilListening } from './until-listening.ts';

export interface Nginx extends AsyncDisposable {
  readonly pid: number;
  /** One line an answer: method, status, bytes of the body, and the place in nginx that it came from. */
  accessLog(): Promise<string>;
  errorLog(): Promise<string>;
}

/** Ready when it listens at the port, where `text` has to have it listen. */
export async function startNginx(text: string, port: number): Promise<Nginx> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await scratchFolder('nginx'));
  const args = await prepare(folder.path, text);
  const program = opened.use(await startProgram('nginx', args));
  await untilListening(port, program);
  const running = opened.move();
  return {
    pid: program.pid,
    accessLog: () => readFile(path.join(folder.path, 'access.log'), 'utf8'),
    errorLog: () => readFile(path.join(folder.path, 'error.log'), 'utf8'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** `nginx -t` */
export async function checkByNginx(text: string): Promise<Exit> {
  await using folder = await scratchFolder('nginx');
  return await runProgram('nginx', ['-t', ...(await prepare(folder.path, text))]);
}

async function prepare(folder: string, text: string): Promise<string[]> {
  // Its workers are of another user, and would fail rather than write to its disk.
  await chmod(folder, 0o755);
  await writeFile(path.join(folder, 'wharf.conf'), text);
  await writeFile(path.join(folder, 'nginx.conf'), mainConfiguration());
  return ['-p', folder, '-e', 'error.log', '-c', path.join(folder, 'nginx.conf')];
}

// As distributions have it, but for the paths: gzip is on, and answers may wait on a disk.
function mainConfiguration(): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`);
  return `daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 512; }
http {
    ${temporary.join(' ')}
    log_format short '$request_method $status $body_bytes_sent $uri';
    access_log access.log short;
    gzip on;
    gzip_min_length 1;
    gzip_proxied any;
    gzip_types *;
    include wharf.conf;
}
`;
}
