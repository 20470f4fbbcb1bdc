import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { Command, CommanderError } from '@commander-js/extra-typings';
import { OciError } from '../oci/errors.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { groupsFor } from './command-groups.ts';
import { annotation } from './output/annotations.ts';
import { processTerminal } from './process-terminal.ts';
import type { CommandContext, Terminal } from './terminal.ts';

const VERSION = '0.1.0';
const LONGEST_END_MS = 10_000;

/** Runs one command line and gives its exit code. Never throws for what a person or a server did wrong. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  const stop = new AbortController();
  let hangUp: (() => void) | undefined;
  const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => {
    const listener = () => {
      if (name === 'SIGHUP' && hangUp !== undefined && !hasLostTerminal()) return hangUp();
      if (stop.signal.aborted) process.exit(128 + constants.signals[name]);
      stop.abort(new Stopped(name));
    };
    process.on(name, listener);
    return { name, listener };
  });
  const end = () => stop.abort(new Stopped('SIGTERM'));
  // Who has another terminal is a part of a process, which goes on.
  const forget = terminal === processTerminal ? stopWithStarter(end) : undefined;
  let exitCode = 0;
  const context: CommandContext = {
    terminal,
    signal: stop.signal,
    exitWith: (code) => {
      exitCode = code;
    },
    onHangup: (listener) => {
      hangUp = listener;
    },
  };
  try {
    const program = await buildProgram(context, argv[0]);
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(stop.signal.aborted ? stop.signal.reason : error, terminal);
  } finally {
    for (const { name, listener } of signals) process.off(name, listener);
    forget?.();
  }
}

/**
 * Who started this with a channel lets go of it by ending, in whatever way. Gives how to stop listening for that. Who
 * does not come to an end then is ended.
 */
function stopWithStarter(stop: () => void): () => void {
  const listener = () => {
    stop();
    setTimeout(() => process.exit(128 + constants.signals.SIGTERM), LONGEST_END_MS).unref();
  };
  process.on('disconnect', listener);
  // To listen is no reason to stay.
  process.channel?.unref();
  return () => process.off('disconnect', listener);
}

/**
 * All commands, as `--help` shows them and completion walks them; or only the one that is called by a name, whose modules
 * alone are loaded then: a third of the time that a short command takes.
 */
export async function buildProgram(context: CommandContext, called?: string): Promise<Command> {
  const { terminal } = context;
  const program = new Command('wharf')
    .description('Keeps a complete, verified, fresh copy of the container images you depend on, without burning pulls.')
    .version(VERSION)
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(`--help` shows what there is)')
    .exitOverride()
    .addHelpText('after', EXAMPLES);
  for (const { heading, modules } of groupsFor(called)) {
    program.commandsGroup(heading);
    for (const { load } of modules) (await load())(program, context);
  }
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

const EXAMPLES = `
Examples:
  wharf demo                                              the main job on a small built-in upstream, offline
  wharf sync --library --to registry.example.com          all Docker Official Images into a registry
  wharf sync --images nginx:1.27,redis:7 --to localhost:5000
  wharf plan --library --to registry.example.com          what that would cost, without doing it

Exit codes: 0 done; 1 some images failed, the rest done; 2 wrong usage or configuration, nothing done;
3 stopped by the pull budget, the rest deferred; 130, 143 stopped by a signal.
`;

function inheritSettings(
  command: { copyInheritedSettings(from: Command): unknown; commands: readonly unknown[] },
  from: Command,
) {
  command.copyInheritedSettings(from);
  for (const child of command.commands) inheritSettings(child as Command, from);
}

/** The end of a terminal is a SIGHUP, too; what was started there cannot open it any more. */
function hasLostTerminal(): boolean {
  if (!process.stderr.isTTY) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    // ENXIO: it has none.
    return true;
  }
}

class Stopped extends Error {
  readonly exitCode: number;

  constructor(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super(`stopped by ${name}`);
    this.exitCode = 128 + constants.signals[name];
  }
}

function exitCodeOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof Stopped) {
    terminal.err(`wharf: ${error.message}; what is at the target is whole, and the next run goes on from there\n`);
    return error.exitCode;
  }
  if (error instanceof UsageError || error instanceof OciError) {
    sayWhy(error, terminal);
    return 2;
  }
  if (error instanceof RemoteError) {
    sayWhy(error, terminal);
    return error.code === 'PULL_LIMIT' ? 3 : 1;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.err(`wharf: this is a bug, please report it: ${detail}\n`);
  return 70;
}

/** In a step of GitHub Actions the sentence is an annotation of the run, too. */
function sayWhy({ message }: Error, terminal: Terminal): void {
  terminal.err(`wharf: ${message}\n`);
  if (terminal.env['GITHUB_ACTIONS'] === 'true') terminal.err(annotation('error', 'wharf', message));
}
