// containerd with a hosts.toml: for docker.io, whose names the cache takes for its own, with `ns`; for ghcr.io, with its
// name in the path and `ns`, too; and for all others, with `ns` alone.
import { startContainerd } from '../support/programs/containerd.ts';
import { whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms } from '../support/programs/missing-programs.ts';
import { type CacheClient, describeCacheClient } from './cache-client-suite.ts';

describeCacheClient({
  title: 'containerd with hosts.toml',
  missing: whyNoDockerd() ?? missingPrograms('containerd', 'ctr', 'skopeo'),
  open: async ({ url }): Promise<CacheClient> => {
    const containerd = await startContainerd({
      'docker.io': hostsToml(url, url),
      'ghcr.io': hostsToml(url, `${url}/v2/ghcr.io`, 'override_path = true'),
      _default: hostsToml(url, url),
    });
    return {
      pull: async (image) => {
        const { code, stdout, stderr } = await containerd.pull(image);
        if (code !== 0) throw new Error(`ctr image pull ended with ${code}: ${stderr}${stdout}`);
        const list = await containerd.ctr('image', 'list', `name==${image}`);
        const digest = /sha256:[0-9a-f]{64}/.exec(list.stdout)?.[0];
        if (digest === undefined) throw new Error(`containerd has no ${image}: ${list.stderr}${list.stdout}`);
        return digest;
      },
      [Symbol.asyncDispose]: () => containerd[Symbol.asyncDispose](),
    };
  },
});

/** `server` is where it would go on to: nowhere else. */
function hostsToml(server: string, host: string, more = ''): string {
  return `server = "${server}"\n[host."${host}"]\ncapabilities = ["pull", "resolve"]\n${more}\n`;
}
