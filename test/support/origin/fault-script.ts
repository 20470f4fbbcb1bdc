import {
  corruptAt,
  delay,
  forget,
  hang,
  html,
  ignoreQuery,
  limitBody,
  omitField,
  redirectTo,
  refuse,
  replaceBody,
  resetAt,
  respond,
  rewriteHeader,
  setHeader,
  stripHeader,
  truncateAt,
} from './fault-actions.ts';
import type { Fault, FaultAction, FaultCondition } from './faults.ts';

/** A fault as JSON: `{ "when": { "kind": "blob", "nth": 2 }, "action": ["resetAt", 1000] }`. */
export interface ScriptedFault {
  readonly when: FaultCondition;
  readonly action: readonly [name: string, ...args: unknown[]];
}

const ACTIONS = {
  corruptAt,
  delay,
  forget,
  hang,
  html,
  ignoreQuery,
  limitBody,
  omitField,
  redirectTo,
  refuse,
  replaceBody,
  resetAt,
  respond,
  rewriteHeader,
  setHeader,
  stripHeader,
  truncateAt,
};

/** Throws TypeError when an action is not one of fault-actions.ts. */
export function readFaults(script: readonly ScriptedFault[]): Fault[] {
  return script.map(({ when, action: [name, ...args] }) => {
    if (!Object.hasOwn(ACTIONS, name)) {
      throw new TypeError(`"${name}" is not a fault action; there are ${Object.keys(ACTIONS).join(', ')}`);
    }
    const make = ACTIONS[name as keyof typeof ACTIONS] as (...args: unknown[]) => FaultAction;
    return { when, action: make(...args) };
  });
}
