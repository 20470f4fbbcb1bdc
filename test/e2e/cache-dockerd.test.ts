// dockerd with registry-mirrors. It would go on to docker.io itself: there, these digests are nowhere.
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms } from '../support/programs/missing-programs.ts';
import { type CacheClient, describeCacheClient } from './cache-client-suite.ts';

describeCacheClient({
  title: 'dockerd with registry-mirrors',
  missing: whyNoDockerd() ?? missingPrograms('dockerd', 'docker', 'skopeo'),
  // It has mirrors of docker.io alone.
  pulls: (image) => image.startsWith('docker.io/'),
  open: async ({ url }): Promise<CacheClient> => {
    const dockerd = await startDockerd({ registryMirrors: [url] });
    return {
      pull: async (image) => {
        const { code, stdout, stderr } = await dockerd.docker('pull', image);
        const digest = /^Digest: (\S+)$/m.exec(stdout)?.[1];
        if (code !== 0 || digest === undefined) throw new Error(`docker pull ended with ${code}: ${stderr}${stdout}`);
        return digest;
      },
      [Symbol.asyncDispose]: () => dockerd[Symbol.asyncDispose](),
    };
  },
});
