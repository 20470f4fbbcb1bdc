import type { CompletionWord } from '../commands/completion.ts';

const topLevel = (words: readonly CompletionWord[]) => words.filter(({ command }) => !command.includes(' '));
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Completes commands, and a command's flags once a word begins with a dash; else files. */
export function bashCompletion(words: readonly CompletionWord[]): string {
  const cases = words.map(({ command, flags }) => `    ${quote(command)}) flags=${quote(flags.join(' '))} ;;`);
  return `# bash completion for wharf
_wharf() {
  local word=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} flags=--help
  [[ $command == config && $COMP_CWORD -gt 2 ]] && command="config \${COMP_WORDS[2]}"
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W ${quote(
      topLevel(words)
        .map(({ command }) => command)
        .join(' '),
    )} -- "$word"))
    return
  fi
  case $command in
${cases.join('\n')}
  esac
  [[ $word == -* ]] && COMPREPLY=($(compgen -W "$flags" -- "$word"))
}
complete -o default -F _wharf wharf
`;
}

export function zshCompletion(words: readonly CompletionWord[]): string {
  const commands = topLevel(words).map(
    ({ command, description }) => `    ${quote(`${command}:${description.replaceAll(':', ' ')}`)}`,
  );
  const cases = topLevel(words).map(
    ({ command, flags }) => `    ${command}) compadd -- ${flags.map(quote).join(' ')} ;;`,
  );
  return `#compdef wharf
_wharf() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  elif [[ $words[CURRENT] == -* ]]; then
    case $words[2] in
${cases.join('\n')}
    esac
  else
    _files
  fi
}
compdef _wharf wharf
`;
}

export function fishCompletion(words: readonly CompletionWord[]): string {
  const lines = topLevel(words).flatMap(({ command, description, flags }) => [
    `complete -c wharf -n __fish_use_subcommand -f -a ${command} -d ${quote(description)}`,
    ...flags.map((flag) => `complete -c wharf -n '__fish_seen_subcommand_from ${command}' -l ${flag.slice(2)}`),
  ]);
  return `# fish completion for wharf\n${lines.join('\n')}\n`;
}
