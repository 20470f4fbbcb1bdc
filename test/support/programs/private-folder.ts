// Programs that look for their files at fixed places, each with files of its own: in a mount namespace of one program.
import { spawnSync } from 'node:child_process';

const SCRIPT = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/** Why there is none; `undefined` when there can be. */
export function whyNoPrivateFolder(): string | undefined {
  const { status } = spawnSync('unshare', ['--mount', 'mount', '--bind', '/tmp', '/mnt']);
  return status === 0 ? undefined : 'there is no mount namespace to be had';
}

/** The command with which a program finds `folder` at `place`, where there has to be a folder. */
export function withFolderAt(
  folder: string,
  place: string,
  ...command: readonly string[]
): readonly [string, ...string[]] {
  return ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', folder, place, ...command];
}
