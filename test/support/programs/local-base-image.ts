// A base image for our Dockerfile, made of this machine's own files: nothing is fetched. npm and apt-get stand in for
// Debian's and the registry's: the one brings the modules that are installed here, the other has brought everything.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../../..');
const TOOLS = ['sh', 'cp', 'mkdir', 'rm', 'git'];

/** Writes the files below `folder`, and gives a tar of them for `docker import`. Throws where a tool is missing. */
export function makeLocalBase(folder: string): string {
  const root = path.join(folder, 'root');
  const binaries = [process.execPath, ...TOOLS.map((tool) => which(tool))];
  for (const [index, binary] of binaries.entries()) {
    put(root, index === 0 ? '/usr/local/bin/node' : `/bin/${path.basename(binary)}`, binary);
    for (const library of librariesOf(binary)) put(root, library, library);
  }
  script(root, 'npm', 'cp -R /installed/node_modules /installed/package-lock.json .');
  script(root, 'apt-get', 'exit 0');
  for (const empty of ['tmp', 'etc']) mkdirSync(path.join(root, empty), { recursive: true });
  chmodSync(path.join(root, 'tmp'), 0o1777);
  installModules(path.join(root, 'installed'));
  const tar = path.join(folder, 'base.tar');
  execFileSync('tar', ['-C', root, '-cf', tar, '.']);
  return tar;
}

// What the program needs of node_modules, and no more: `npm ls` names it.
function installModules(folder: string): void {
  const list = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT, encoding: 'utf8' });
  for (const module of list
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')) {
    const to = path.join(folder, path.relative(ROOT, module));
    cpSync(module, to, { recursive: true, dereference: true });
  }
  copyFileSync(path.join(ROOT, 'package-lock.json'), path.join(folder, 'package-lock.json'));
}

function put(root: string, at: string, from: string): void {
  const to = path.join(root, at);
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(realpathSync(from), to);
}

function script(root: string, name: string, text: string): void {
  writeFileSync(path.join(root, 'usr/local/bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

function which(tool: string): string {
  return execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
}

function librariesOf(binary: string): string[] {
  const list = execFileSync('ldd', [binary], { encoding: 'utf8' });
  return [...list.matchAll(/(\/\S+)(?= \(0x)/g)].map(([, file = '']) => file);
}
