import type { z } from 'zod';
import type { Path } from './value-path.ts';

export interface Finding {
  readonly path: Path;
  readonly message: string;
  /** Whether the key is wrong, or its value. */
  readonly part: 'key' | 'value';
}

type Issue = z.core.$ZodIssue;

/** Zod's issues, one finding for each thing that someone has to change. */
export function describeIssues(issues: readonly Issue[], under: Path = []): Finding[] {
  return issues.flatMap((issue): Finding[] => {
    const path = [...under, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index] ?? '', part: 'key' }));
    }
    const meant = issue.code === 'invalid_union' ? issue.errors.find(isOfTheRightKind) : undefined;
    return meant === undefined ? [{ path, message: issue.message, part: 'value' }] : describeIssues(meant, path);
  });
}

/** Of a choice between a text, a list and a map, the one that has the shape of what was found. */
function isOfTheRightKind(issues: readonly Issue[]): boolean {
  return issues.every((issue) => {
    if (issue.path.length > 0) return true;
    if (issue.code === 'invalid_union') return issue.errors.some(isOfTheRightKind);
    return issue.code !== 'invalid_type' && issue.code !== 'invalid_value';
  });
}
