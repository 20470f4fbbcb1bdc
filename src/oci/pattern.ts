import { UsageError } from './usage-error.ts';

/** A pattern of images: `NAME` or `NAME:TAG`, where `*` stands for anything but a slash and `**` for anything. */
export interface Pattern {
  readonly text: string;
  /** Whether it speaks of some tags only. */
  readonly hasTag: boolean;
  matchesName(name: string): boolean;
  matchesTag(tag: string): boolean;
}

/** Throws UsageError for a pattern that could match nothing. */
export function parsePattern(text: string): Pattern {
  const colon = text.lastIndexOf(':');
  const hasTag = colon >= 0;
  const name = hasTag ? text.slice(0, colon) : text;
  const tag = hasTag ? text.slice(colon + 1) : '*';
  if (!/^[A-Za-z0-9._/*:@-]+$/.test(name) || !/^[\w.*-]+$/.test(tag)) {
    throw new UsageError(
      `"${text}" is not a pattern; write NAME or NAME:TAG, with * for any characters, such as "nginx:1.*"`,
    );
  }
  const namePattern = globToRegExp(name);
  const tagPattern = globToRegExp(tag);
  return {
    text,
    hasTag,
    matchesName: (candidate) => namePattern.test(candidate),
    matchesTag: (candidate) => tagPattern.test(candidate),
  };
}

function globToRegExp(glob: string): RegExp {
  const source = glob
    .split(/(\*+)/)
    .map((part, index) => {
      if (index % 2 === 0) return RegExp.escape(part);
      return part.length > 1 ? '.*' : '[^/]*';
    })
    .join('');
  return new RegExp(`^${source}$`);
}
