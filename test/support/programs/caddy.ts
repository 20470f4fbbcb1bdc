// Caddy with a home of its own.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type Exit, runProgram, startProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';
import { untilListening } from './until-listening.ts';

/** Ready when it listens at the port, where `text` has to have it listen. */
export async function startCaddy(text: string, port: number): Promise<AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await scratchFolder('caddy'));
  const config = await write(folder.path, text);
  const env = { HOME: folder.path, CADDY_ADMIN: `127.0.0.1:${await freePort()}` };
  const program = opened.use(await startProgram('caddy', ['run', ...config], { env }));
  await untilListening(port, program);
  return opened.move();
}

/** `caddy validate` */
export async function checkByCaddy(text: string): Promise<Exit> {
  await using folder = await scratchFolder('caddy');
  const config = await write(folder.path, text);
  return await runProgram('caddy', ['validate', ...config], { env: { HOME: folder.path } });
}

async function write(folder: string, text: string): Promise<string[]> {
  const file = path.join(folder, 'Caddyfile');
  await writeFile(file, text);
  return ['--config', file, '--adapter', 'caddyfile'];
}
