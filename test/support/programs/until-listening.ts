import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningProgram } from './program.ts';

const ASK_EVERY_MS = 20;

/** Resolves when somebody listens at the port of 127.0.0.1. Rejects when the program ends before that. */
export async function untilListening(port: number, program: RunningProgram): Promise<void> {
  while (!(await isListening(port))) {
    const exit = await Promise.race([program.exited, sleep(ASK_EVERY_MS)]);
    if (exit !== undefined) throw new Error(`a program ended with ${exit.code}: ${exit.stdout}${exit.stderr}`);
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
