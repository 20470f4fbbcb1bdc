// A guide as a person follows it: its commands in their order, in one folder, each block by a shell of its own.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Exit, type RunningProgram, startProgram } from './program.ts';

const GUIDES = path.join(import.meta.dirname, '../../../docs/guides');

/** A fenced block. ` ```sh background ` starts a server, ` ```sh needs=k3d ` needs a program, ` ```yaml wharf.yaml ` is a file. */
export interface GuideBlock {
  readonly line: number;
  readonly language: string;
  /** What stands behind the language. */
  readonly words: readonly string[];
  readonly text: string;
}

/** The blocks that are commands or files; what a program prints (`console`) and settings to choose from are none. */
export async function readGuide(name: string): Promise<readonly GuideBlock[]> {
  const page = await readFile(path.join(GUIDES, name), 'utf8');
  return [...page.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```$/gms)]
    .map(({ index, 1: language = '', 2: words = '', 3: text = '' }) => {
      const line = page.slice(0, index).split('\n').length;
      return { line, language, words: words.trim().split(' ').filter(Boolean), text };
    })
    .filter(({ language, words }) => language === 'sh' || words.length > 0);
}

/** `docker.md:15: docker pull busybox` */
export function titleOf(guide: string, { line, text }: GuideBlock): string {
  return `${guide}:${line}: ${text.trimEnd().replaceAll('\n', '; ')}`;
}

export interface GuideFollowerOptions {
  readonly folder: string;
  /** What a reader puts in for the names of the guide. In this order. */
  readonly replaced: readonly (readonly [from: string, to: string])[];
  /** Programs of the guide that are not the machine's, as shell scripts: `sudo`. */
  readonly programs: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Disposing it ends the servers that were started. */
export class GuideFollower implements AsyncDisposable {
  readonly #options: GuideFollowerOptions;
  readonly #servers = new AsyncDisposableStack();

  private constructor(options: GuideFollowerOptions) {
    this.#options = options;
  }

  static async open(options: GuideFollowerOptions): Promise<GuideFollower> {
    const bin = path.join(options.folder, 'bin');
    await mkdir(bin, { recursive: true });
    for (const [name, script] of Object.entries(options.programs)) {
      await writeFile(path.join(bin, name), `#!/bin/sh\n${script}\n`);
      await chmod(path.join(bin, name), 0o755);
    }
    return new GuideFollower(options);
  }

  /** Throws with what the commands printed when one of them fails. */
  async follow(block: GuideBlock): Promise<void> {
    const text = this.#options.replaced.reduce((all, [from, to]) => all.replaceAll(from, to), block.text);
    if (block.language !== 'sh') {
      const [name = ''] = block.words;
      await writeFile(path.join(this.#options.folder, name), text);
    } else if (block.words.includes('background')) {
      // The server takes the place of its shell, and so is what is ended.
      const server = this.#servers.use(await this.#start(withLastReplacing(text)));
      await server.firstLine;
    } else {
      const exit = await (await this.#start(text)).exited;
      if (exit.code !== 0) throw new Error(`the commands ended with ${exit.code}:\n${text}${printed(exit)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#servers.disposeAsync();
  }

  #start(text: string): Promise<RunningProgram> {
    const { folder, env } = this.#options;
    const search = [path.join(folder, 'bin'), path.dirname(process.execPath), process.env['PATH'] ?? ''];
    const settings = { PATH: search.join(path.delimiter), HOME: folder, ...env };
    return startProgram('bash', ['-euo', 'pipefail', '-c', text], { cwd: folder, env: settings });
  }
}

function withLastReplacing(text: string): string {
  const lines = text.trimEnd().split('\n');
  return [...lines.slice(0, -1), `exec ${lines.at(-1)}`].join('\n');
}

function printed({ stdout, stderr }: Exit): string {
  return [stdout, stderr].map((text) => text.slice(-2000)).join('\n');
}
