import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import type { CommandContext } from '../terminal.ts';

/** `wharf demo`: the main job on a small built-in upstream, offline. */
export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description('Show the main job and the cache on a small built-in upstream, offline and with nothing to configure')
    .action(async () => {
      // Loaded only now: a Docker Hub and a registry, in memory and on loopback, that no other command needs.
      const { startHub } = await import('../../../test/support/hub/hub.ts');
      const { libraryImages } = await import('../../../test/support/hub/library-images.ts');
      const { startRegistry } = await import('../../../test/support/registry/registry.ts');
      const { respond } = await import('../../../test/support/origin/fault-actions.ts');
      const { runDemo } = await import('../run-demo.ts');
      const library = path.join(import.meta.dirname, '../../../test/support/library');
      const folder = await mkdtemp(path.join(tmpdir(), 'wharf-demo-'));
      try {
        await using hub = await startHub({ images: await libraryImages(library), limit: 100 });
        await using target = await startRegistry();
        const breakDown = () => hub.faults.add({ when: {}, action: respond({ status: 503 }) });
        const demo = { context, hub: Object.assign(hub, { breakDown }), target, library, folder };
        context.exitWith(await runDemo(demo));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}
