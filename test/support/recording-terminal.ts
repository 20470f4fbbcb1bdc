import type { Terminal } from '../../src/cli/terminal.ts';

/** What a command said, by stream. */
export interface Said {
  out: string;
  err: string;
}

/** A terminal without a person, an input or an environment, at home in the folder. */
export function recordingTerminal(folder: string): { readonly terminal: Terminal; readonly said: Said } {
  const said: Said = { out: '', err: '' };
  const terminal: Terminal = {
    env: {},
    homeFolder: folder,
    workingFolder: folder,
    isInteractive: false,
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    readInput: () => Promise.resolve(''),
    ask: () => Promise.resolve(''),
  };
  return { terminal, said };
}
