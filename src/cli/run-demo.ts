// The main job, told step by step: what is run here against a Docker Hub of our own, and what to type for the real one.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DemoUpstream } from './demo-cache.ts';
import type { CommandContext, Terminal } from './terminal.ts';

export interface Demo {
  readonly context: CommandContext;
  readonly hub: {
    readonly registryUrl: string;
    readonly apiUrl: string;
    rebuild(repository: string, tag: string): void;
  } & DemoUpstream;
  readonly target: { readonly url: string };
  /** A folder that holds `library/`. */
  readonly library: string;
  /** An empty folder to work in. */
  readonly folder: string;
}

interface DemoStep {
  readonly title: string;
  /** What does the same for the real Docker Hub. */
  readonly real: string;
  readonly args: readonly string[];
  readonly before?: () => void;
}

/** Gives the exit code of the first step that failed, or 0. */
export async function runDemo({ context, hub, target, library, folder }: Demo): Promise<number> {
  const terminal = demoTerminal(context.terminal, folder);
  await writeFile(path.join(folder, 'wharf.yaml'), demoConfig(hub));
  const catalog = ['--catalog', `official-images:${library}`];
  const to = ['--to', target.url];
  const steps: readonly DemoStep[] = [
    {
      title: 'What is wanted: the official images, as their git repository lists them',
      real: 'wharf catalog --library',
      args: ['catalog', ...catalog],
    },
    {
      title: 'How many pulls are left? Asking spends none',
      real: 'wharf limits',
      args: ['limits'],
    },
    {
      title: 'What would a copy of it all cost? Tags are resolved without a pull',
      real: 'wharf plan --library --to registry.example.com',
      args: ['plan', ...catalog, ...to],
    },
    {
      title: 'The main job: every platform, digests unchanged, each layer once',
      real: 'wharf sync --library --to registry.example.com',
      args: ['sync', ...catalog, ...to],
    },
    {
      title: 'Once more: nothing has changed, so nothing is copied',
      real: 'wharf sync --library --to registry.example.com',
      args: ['sync', ...catalog, ...to],
    },
    {
      title: 'nginx was rebuilt upstream, though no file changed: only that image is copied',
      real: 'wharf sync --library --to registry.example.com    # from cron, every six hours',
      args: ['sync', ...catalog, ...to],
      before: () => hub.rebuild('library/nginx', 'latest'),
    },
    {
      title: 'What a client gets now, digest by digest',
      real: 'wharf inspect registry.example.com/library/nginx:latest --platform linux/amd64',
      args: ['inspect', `${new URL(target.url).host}/library/nginx:latest`, '--platform', 'linux/amd64'],
    },
  ];
  terminal.out('A Docker Hub of 100 pulls a window and an empty registry, both in memory and on this machine only.\n');
  for (const [index, { title, real, args, before }] of steps.entries()) {
    before?.();
    terminal.out(`\n${index + 1}. ${title}\n   $ ${real}\n\n`);
    const { main } = await import('./main.ts');
    const code = await main(args, terminal);
    if (code !== 0) return code;
  }
  terminal.out(
    `\n${steps.length + 1}. A cache for everything else: one download, however many ask\n   $ wharf serve\n\n`,
  );
  const { demonstrateCache } = await import('./demo-cache.ts');
  await demonstrateCache(terminal, hub);
  terminal.out(`\n${CLOSING}`);
  return 0;
}

const CLOSING = `That was all of it. For the real thing, with a registry of yours:
  wharf login registry.example.com
  wharf sync --library --include 'nginx' --include 'redis' --to registry.example.com
  wharf serve                                # and point your daemons' registry-mirrors at it
README.md goes on from here; \`wharf --help\` lists the commands.
`;

function demoConfig({ registryUrl, apiUrl }: Demo['hub']): string {
  return `upstreams: { docker.io: { url: "${registryUrl}", hubApi: "${apiUrl}" } }\ndata: ./data\n`;
}

/** Steps read the demo's own configuration, and no login of the person who watches. */
function demoTerminal(terminal: Terminal, folder: string): Terminal {
  const indent = (text: string) => text.replaceAll(/^(?=.)/gm, '   ');
  return {
    ...terminal,
    env: { WHARF_CONFIG: path.join(folder, 'wharf.yaml') },
    homeFolder: folder,
    workingFolder: folder,
    isInteractive: false,
    out: (text) => terminal.out(/^(?:\n|A Docker|That was)/.test(text) ? text : indent(text)),
    err: (text) => terminal.out(indent(text)),
  };
}
