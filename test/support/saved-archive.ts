// What docker and podman save, made by hand.
import type { TarEntry } from 'modern-tar';
import { digestOf } from '../../src/oci/digest.ts';

export const file = (name: string, body: string | Uint8Array): TarEntry => ({
  header: { name, size: Buffer.byteLength(body), type: 'file' },
  body,
});
export const link = (name: string, linkname: string, type: 'link' | 'symlink' = 'symlink'): TarEntry => ({
  header: { name, size: 0, type, linkname },
});
const layerOf = (text: string) => Buffer.from(text.repeat(100));
export const configOf = (...layers: readonly Uint8Array[]) =>
  JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) } });
export const savedAs = (...images: readonly object[]) => file('manifest.json', JSON.stringify(images));

export const [ONE, TWO] = [layerOf('one'), layerOf('two')];
export const IMAGE = { Config: 'config.json', RepoTags: ['team/app:1'], Layers: ['a/layer.tar', 'b/layer.tar'] };
export const PLAIN = [
  file('a/VERSION', '1.0'),
  file('a/json', '{}'),
  file('a/layer.tar', ONE),
  file('b/layer.tar', TWO),
  file('config.json', configOf(ONE, TWO)),
  savedAs(IMAGE),
  file('repositories', '{}'),
];
