// The commands by what they are for, in the order of the help. Each is a module that is loaded when it is called.
import type { Command } from '@commander-js/extra-typings';
import type { CommandContext } from './terminal.ts';

type AddCommands = (program: Command, context: CommandContext) => void;

interface CommandModule {
  /** What it adds to the program, with aliases. */
  readonly names: readonly string[];
  readonly load: () => Promise<AddCommands>;
}

export interface CommandGroup {
  readonly heading: string;
  readonly modules: readonly CommandModule[];
}

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  {
    heading: 'Copy images:',
    modules: [
      { names: ['sync', 'plan'], load: async () => (await import('./commands/sync.ts')).addSyncCommands },
      { names: ['copy'], load: async () => (await import('./commands/copy.ts')).addCopyCommand },
      { names: ['bundle'], load: async () => (await import('./commands/bundle.ts')).addBundleCommand },
    ],
  },
  {
    heading: 'Serve them:',
    modules: [
      { names: ['serve'], load: async () => (await import('./commands/serve.ts')).addServeCommand },
      {
        names: ['client-config'],
        load: async () => (await import('./commands/client-config.ts')).addClientConfigCommand,
      },
      { names: ['jobs'], load: async () => (await import('./commands/jobs.ts')).addJobsCommand },
      { names: ['user'], load: async () => (await import('./commands/user.ts')).addUserCommand },
    ],
  },
  {
    heading: 'Look after what is here:',
    modules: [
      { names: ['rm'], load: async () => (await import('./commands/rm.ts')).addRemoveCommand },
      { names: ['gc'], load: async () => (await import('./commands/store.ts')).addStoreCommands },
      { names: ['check'], load: async () => (await import('./commands/check.ts')).addCheckCommand },
    ],
  },
  {
    heading: 'Find out:',
    modules: [
      { names: ['catalog'], load: async () => (await import('./commands/catalog.ts')).addCatalogCommand },
      { names: ['list', 'ls', 'tags'], load: async () => (await import('./commands/list.ts')).addListCommand },
      { names: ['inspect'], load: async () => (await import('./commands/inspect.ts')).addInspectCommand },
      { names: ['manifests'], load: async () => (await import('./commands/manifests.ts')).addManifestsCommand },
      { names: ['verify'], load: async () => (await import('./commands/verify.ts')).addVerifyCommand },
      { names: ['probe'], load: async () => (await import('./commands/probe.ts')).addProbeCommand },
      { names: ['limits'], load: async () => (await import('./commands/limits.ts')).addLimitsCommand },
    ],
  },
  {
    heading: 'Set up:',
    modules: [
      { names: ['login', 'logout'], load: async () => (await import('./commands/login.ts')).addLoginCommands },
      { names: ['config'], load: async () => (await import('./commands/config.ts')).addConfigCommand },
      { names: ['completion'], load: async () => (await import('./commands/completion.ts')).addCompletionCommand },
      { names: ['demo'], load: async () => (await import('./commands/demo.ts')).addDemoCommand },
    ],
  },
];

/** What a command line needs: all of them, unless it begins with the name of one, or wants none. */
export function groupsFor(called: string | undefined): readonly CommandGroup[] {
  if (called === '--version' || called === '-V') return [];
  // It walks all the others.
  if (called === 'completion') return COMMAND_GROUPS;
  const modules = COMMAND_GROUPS.flatMap((group) => group.modules);
  const module = modules.find(({ names }) => called !== undefined && names.includes(called));
  return module === undefined ? COMMAND_GROUPS : [{ heading: 'Commands:', modules: [module] }];
}
