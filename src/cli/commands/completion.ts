import { type Command, type CommandUnknownOpts } from '@commander-js/extra-typings';
import type { CommandContext } from '../terminal.ts';
import { bashCompletion, fishCompletion, zshCompletion } from '../output/completion-scripts.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `wharf completion`: prints a script that teaches a shell the commands and flags. */
export function addCompletionCommand(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('Print a completion script: source <(wharf completion bash)')
    .argument('<shell>', Object.keys(SHELLS).join(', '))
    .action((shell, _flags, command) => {
      const script = Object.entries(SHELLS).find(([name]) => name === shell)?.[1];
      if (script === undefined) command.error(`"${shell}" is not one of ${Object.keys(SHELLS).join(', ')}`);
      else context.terminal.out(script(wordsOf(program)));
    });
}

export interface CompletionWord {
  /** `config check`. */
  readonly command: string;
  readonly description: string;
  readonly flags: readonly string[];
}

function wordsOf(program: CommandUnknownOpts, prefix = ''): CompletionWord[] {
  return program.commands.flatMap((command) => {
    const name = `${prefix}${command.name()}`;
    const flags = command.options.flatMap((option) => (option.long === undefined ? [] : [option.long]));
    return [
      { command: name, description: command.description(), flags: [...flags, '--help'] },
      ...wordsOf(command, `${name} `),
    ];
  });
}
