// podman with a registries.conf. It asks for tags with GET, and for docker.io and ghcr.io it would go on to themselves.
import { missingPrograms } from '../support/programs/missing-programs.ts';
import { openPodman } from '../support/programs/podman.ts';
import { registriesConf } from '../support/programs/registries-conf.ts';
import { type CacheClient, describeCacheClient } from './cache-client-suite.ts';

describeCacheClient({
  title: 'podman with registries.conf',
  missing: process.getuid?.() === 0 ? missingPrograms('podman', 'skopeo') : 'podman needs root',
  open: async ({ host }): Promise<CacheClient> => {
    const settings = registriesConf({ host, prefixed: ['docker.io', 'ghcr.io'], replaced: ['quay.io'] });
    const podman = await openPodman(settings);
    const succeeds = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await podman.podman(...args);
      if (code !== 0) throw new Error(`podman ${args.join(' ')} ended with ${code}: ${stderr}`);
      return stdout.trim();
    };
    return {
      pull: async (image) => {
        await succeeds('pull', image);
        return await succeeds('image', 'inspect', '--format', '{{.Digest}}', image);
      },
      [Symbol.asyncDispose]: () => podman[Symbol.asyncDispose](),
    };
  },
});
