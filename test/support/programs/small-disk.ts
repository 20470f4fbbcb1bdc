import { runProgram } from './program.ts';
import { type ScratchFolder, scratchFolder } from './scratch-folder.ts';

/** A file system of its own that holds so many KiB, and can be given more room. */
export interface SmallDisk extends ScratchFolder {
  resize(sizeKib: number): Promise<void>;
}

/** Why there can be none here; `undefined` where it can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can mount a small disk';
  try {
    await using _disk = await mountSmallDisk(16);
    return undefined;
  } catch (error) {
    return `no small disk can be mounted here: ${(error as Error).message.trim()}`;
  }
}

/** Throws what `mount` says against it. */
export async function mountSmallDisk(sizeKib: number): Promise<SmallDisk> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('disk'));
  await run('mount', '-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', folder.path);
  started.defer(() => run('umount', '--lazy', folder.path));
  const mounted = started.move();
  return {
    path: folder.path,
    resize: (kib) => run('mount', '-o', `remount,size=${kib}k`, folder.path),
    [Symbol.asyncDispose]: () => mounted.disposeAsync(),
  };
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
