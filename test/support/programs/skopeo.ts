// A client that is not ours, for a second opinion.
import { digestOf } from '../../../src/oci/digest.ts';
import { runProgram } from './program.ts';
import { scratchFolder } from './scratch-folder.ts';

/** The digest of what skopeo reads at a reference: `127.0.0.1:5000/library/nginx:latest`. */
export async function digestBySkopeo(reference: string): Promise<string> {
  return digestOf(await rawBySkopeo(reference));
}

/** The bytes of the manifest that skopeo reads at a reference. */
export async function rawBySkopeo(reference: string): Promise<Uint8Array> {
  return Buffer.from(await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${reference}`));
}

/** Reads an image with all its platforms and layers, and checks them. Throws what skopeo says against it. */
export async function pullBySkopeo(reference: string): Promise<void> {
  await using folder = await scratchFolder('pulled');
  await skopeo('copy', '--all', '--src-tls-verify=false', `docker://${reference}`, `dir:${folder.path}`);
}

/** Copies an image with all its platforms from one registry to another; digests must not change. */
export async function copyBySkopeo(from: string, to: string): Promise<void> {
  const flags = ['--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
  await skopeo('copy', ...flags, `docker://${from}`, `docker://${to}`);
}

/** What skopeo says of the image of one platform. */
export async function inspectBySkopeo(reference: string, os: string, architecture: string): Promise<unknown> {
  const platform = [`--override-os=${os}`, `--override-arch=${architecture}`];
  return JSON.parse(await skopeo(...platform, 'inspect', '--tls-verify=false', `docker://${reference}`));
}

async function skopeo(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram('skopeo', args);
  if (code !== 0) throw new Error(`skopeo ${args.join(' ')}: ${stderr}`);
  return stdout;
}
