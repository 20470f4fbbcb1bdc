// Images in folders and archives, to and from the programs that people have.
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerDaemon } from '../../src/app/docker-daemon.ts';
import { readDockerArchive } from '../../src/archive/docker-archive.ts';
import { LayoutRepository } from '../../src/archive/layout-repository.ts';
import { writeDockerArchive } from '../../src/archive/write-docker-archive.ts';
import { copyGraph } from '../../src/copy/copy-graph.ts';
import { Placements } from '../../src/copy/placements.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/reference.ts';
import { type Dockerd, startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type Exit, runProgram } from '../support/programs/program.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';

const missing = whyNoDockerd() ?? missingPrograms('dockerd', 'docker', 'podman', 'skopeo', 'umoci', 'tar');
const options = { now: () => Date.now() };
const ONE = parseTag('1');

describe.skipIf(missing !== undefined)(
  `archives and layouts of docker, podman, skopeo and umoci${skipNote(missing)}`,
  () => {
    let folder: ScratchFolder;
    let dockerd: Dockerd;
    let daemon: DockerDaemon;
    let imageId: string;
    let saved: string;

    beforeAll(async () => {
      folder = await scratchFolder('archives');
      dockerd = await startDockerd();
      daemon = DockerDaemon.connect({ env: { DOCKER_HOST: dockerd.host } });
      await writeFile(at('content'), 'what the image is about\n'.repeat(20_000));
      await succeeds('tar', '-C', folder.path, '-cf', at('root.tar'), 'content');
      const change = ['--change', 'CMD ["/content"]', '--change', 'HEALTHCHECK CMD true'];
      imageId = (await docker('import', ...change, at('root.tar'), 'team/app:1')).trim();
      await docker('tag', 'team/app:1', 'localhost:5000/other/app:2');
      saved = at('saved.tar');
      await docker('save', '-o', saved, 'team/app:1', 'localhost:5000/other/app:2');
    });
    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
      await dockerd[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    const at = (...names: readonly string[]) => path.join(folder.path, ...names);
    const docker = async (...args: readonly string[]) => succeeded(await dockerd.docker(...args));
    const podman = (root: string, ...args: readonly string[]) =>
      succeeds('podman', '--root', at(root), '--runroot', at(`${root}-run`), '--storage-driver', 'vfs', ...args);
    const read = (file: string | ReadableStream<Uint8Array>, scratch: string) =>
      readDockerArchive(file, { ...options, scratch: at(scratch) });

    /** Made anew from what `docker save` gave, with these names. */
    async function writeArchive(name: string, references: readonly string[]): Promise<string> {
      const repository = await read(saved, `${name}-scratch`);
      const [image] = await repository.images();
      await pipeline(
        writeDockerArchive(repository, [{ digest: image!.descriptor.digest, references }]),
        createWriteStream(at(name)),
      );
      return at(name);
    }

    test('what docker saves is read with its names and its image ID, compressed as a whole or not', async () => {
      await pipeline(createReadStream(saved), createGzip(), createWriteStream(at('saved.tar.gz')));
      const digests = [];
      for (const file of [saved, at('saved.tar.gz')]) {
        const repository = await read(file, `${path.basename(file)}-scratch`);
        const images = await repository.images();
        const references = new Set(images.map(({ reference }) => reference));
        expect(references).toEqual(new Set(['localhost:5000/other/app:2', 'team/app:1']));
        expect(await imageIdIn(repository, '1')).toBe(imageId);
        digests.push(images[0]!.descriptor.digest);
      }
      expect(digests[0]).toBe(digests[1]);
    });

    test('a layer that docker saves once for two images is read for both', async () => {
      await docker('import', '--change', 'CMD ["/other"]', at('root.tar'), 'team/twin:3');
      await docker('save', '-o', at('twins.tar'), 'team/app:1', 'team/twin:3');
      expect(await succeeds('tar', '-tvf', at('twins.tar'))).toContain('layer.tar -> ../');
      const repository = await read(at('twins.tar'), 'twins-scratch');
      expect(await imageIdIn(repository, '1')).toBe(imageId);
      const twinId = await docker('image', 'inspect', '--format', '{{.Id}}', 'team/twin:3');
      expect(await imageIdIn(repository, '3')).toBe(twinId.trim());
    });

    test('what podman saves is read with its name and its image ID', async () => {
      await podman('podman', 'load', '-i', saved);
      await podman('podman', 'save', '--format', 'docker-archive', '-o', at('podman.tar'), 'team/app:1');
      await podman('podman', 'save', '--format', 'oci-archive', '-o', at('podman-oci.tar'), 'team/app:1');
      const repository = await read(at('podman.tar'), 'podman-scratch');
      expect((await repository.images()).map(({ reference }) => reference)).toEqual(['localhost/team/app:1']);
      expect(await imageIdIn(repository, '1')).toBe(imageId);
      const layout = await read(at('podman-oci.tar'), 'podman-oci-scratch');
      expect([...(await layout.listTags())]).toEqual(['1']);
    });

    test('docker loads what we write, with the same image ID', async () => {
      const file = await writeArchive('for-docker.tar', ['ours/app:3', 'ours/app:4']);
      const said = await docker('load', '-i', file);
      expect(said).toContain('ours/app:3');
      expect(said).toContain('ours/app:4');
      expect((await docker('image', 'inspect', '--format', '{{.Id}}', 'ours/app:4')).trim()).toBe(imageId);
    });

    test.each([[['docker.io/ours/app:3']], [['docker.io/ours/app:3', 'docker.io/ours/app:4']]])(
      'podman loads what we write as %s, with the same image ID and its health check',
      async (references) => {
        const root = `podman-${references.length}`;
        const file = await writeArchive(`for-${root}.tar`, references);
        await podman(root, 'load', '-i', file);
        for (const reference of references) {
          const inspected = await podman(root, 'image', 'inspect', '--format', '{{.Id}} {{.HealthCheck}}', reference);
          expect(inspected).toContain(imageId.replace('sha256:', ''));
          expect(inspected).toContain('CMD-SHELL');
        }
      },
    );

    test('skopeo reads what we write', async () => {
      const file = await writeArchive('for-skopeo.tar', ['ours/app:3', 'ours/app:4']);
      await succeeds('skopeo', 'copy', `docker-archive:${file}:ours/app:4`, `dir:${at('skopeo-dir')}`);
      const { config } = JSON.parse(await readFile(at('skopeo-dir', 'manifest.json'), 'utf8')) as {
        config: { digest: string };
      };
      expect(config.digest).toBe(imageId);
    });

    test('skopeo copies into a layout that we read, and out of one that we wrote; umoci unpacks that', async () => {
      await succeeds('skopeo', 'copy', `docker-archive:${saved}:team/app:1`, `oci:${at('by-skopeo')}:1`);
      const from = await LayoutRepository.open(at('by-skopeo'), options);
      const to = await LayoutRepository.openOrCreate(at('ours'), options);
      const { descriptor } = await from.resolve(ONE);
      await copyInto(to, from, descriptor.digest);
      await succeeds('skopeo', 'copy', `oci:${at('ours')}:1`, `dir:${at('back')}`);
      await succeeds('umoci', 'unpack', '--image', `${at('ours')}:1`, at('bundle'));
      expect(await readFile(at('bundle', 'rootfs', 'content'))).toEqual(await readFile(at('content')));
      await succeeds('umoci', 'tag', '--image', `${at('ours')}:1`, '2');
      expect([...(await to.listTags())].toSorted()).toEqual(['1', '2']);
    });

    test('an image goes out of a daemon and back into it under another name', async () => {
      await using scratch = await scratchFolder('daemon');
      const repository = await readDockerArchive(await daemon.save('team/app:1'), {
        ...options,
        scratch: scratch.path,
      });
      const [image] = await repository.images();
      expect(image?.reference).toBe('team/app:1');
      await daemon.load(
        writeDockerArchive(repository, [{ digest: image!.descriptor.digest, references: ['via/us:5'] }]),
      );
      expect((await docker('image', 'inspect', '--format', '{{.Id}}', 'via/us:5')).trim()).toBe(imageId);
    });

    test('what a daemon has against a name or an archive is said in a sentence', async () => {
      await expect(daemon.save('no/such:1')).rejects.toThrow(/has no image no\/such:1/);
      const broken = ReadableStream.from([Buffer.from('no archive'.repeat(200))]);
      await expect(daemon.load(broken)).rejects.toThrow(
        /^the docker daemon at .*docker\.sock (?:could not load|refused to load)/,
      );
    });

    async function copyInto(to: LayoutRepository, from: LayoutRepository, digest: Parameters<typeof copyGraph>[0]) {
      const target = { name: parseRepositoryName('layout'), target: to, isNew: false };
      await copyGraph(digest, [ONE], { from, to: target, placements: new Placements() });
    }
  },
);

/** What docker calls an image: the digest of its config. */
async function imageIdIn(repository: LayoutRepository, tag: string): Promise<string> {
  const { descriptor } = await repository.resolve(parseTag(tag));
  const { content } = readManifest((await repository.manifest(descriptor.digest)).bytes);
  return content.kind === 'image' ? content.config.digest : 'an index';
}

async function succeeds(program: string, ...args: readonly string[]): Promise<string> {
  return succeeded(await runProgram(program, args));
}

function succeeded({ code, stdout, stderr }: Exit): string {
  if (code !== 0) throw new Error(`the program ended with ${code}: ${stderr}${stdout}`);
  return stdout + stderr;
}
