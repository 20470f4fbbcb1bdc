// The thread of PasswordChecks: bcrypt in plain JavaScript takes a processor for a tenth of a second and more.
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

export interface BcryptOrder {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

export interface BcryptVerdict {
  readonly id: number;
  readonly isRight: boolean;
}

parentPort?.on('message', ({ id, password, hash }: BcryptOrder) => {
  const verdict: BcryptVerdict = { id, isRight: compareSync(password, hash) };
  parentPort?.postMessage(verdict, []);
});
