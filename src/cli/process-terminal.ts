// The real terminal: the one place where commands meet the process.
import { constants, homedir } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { UsageError } from '../oci/usage-error.ts';
import type { Terminal } from './terminal.ts';

export const processTerminal: Terminal = {
  env: process.env,
  homeFolder: homedir(),
  workingFolder: process.cwd(),
  isInteractive: process.stderr.isTTY && process.env['CI'] === undefined && process.env['TERM'] !== 'dumb',
  out: (chunk) => void process.stdout.write(chunk),
  err: (chunk) => void process.stderr.write(chunk),
  readInput: () => text(process.stdin),
  async ask(question, { isSecret = false } = {}) {
    if (!process.stdin.isTTY) throw new UsageError(`cannot ask for "${question.trim()}": the input is not a terminal`);
    process.stderr.write(question);
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({ input: process.stdin, output: isSecret ? silent : process.stderr, terminal: true });
    try {
      return await lines.question('');
    } finally {
      lines.close();
      if (isSecret) process.stderr.write('\n');
    }
  },
};

// Whoever reads may have read enough (`wharf catalog | head`), and nobody is there to be told of it. A server whose log
// nobody reads any more goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
  throw error;
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
