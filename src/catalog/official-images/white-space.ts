// bashbrew is written in Go, whose white space is not JavaScript's: U+0085 is in it, U+FEFF (a byte order mark) is not.
const GO_SPACE = /[\t\n\v\f\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]/;
const LIST_SPACE = /[\n\r\t ]/;

// Loops instead of `/\s+$/`, which takes quadratic time on a line made for that.

export function trimSpace(text: string): string {
  return trimSpaceEnd(text.slice(firstNot(GO_SPACE, text)));
}

export function trimSpaceEnd(text: string): string {
  return trimEnd(GO_SPACE, text);
}

/** What bashbrew strips from the elements of a list: fewer characters than count as space elsewhere. */
export function trimListElement(text: string): string {
  return trimEnd(LIST_SPACE, text.slice(firstNot(LIST_SPACE, text)));
}

/** The first character that is not space, or '' where there is none. */
export function firstVisible(text: string): string {
  return text.charAt(firstNot(GO_SPACE, text));
}

function firstNot(space: RegExp, text: string): number {
  let start = 0;
  while (start < text.length && space.test(text.charAt(start))) start++;
  return start;
}

function trimEnd(space: RegExp, text: string): string {
  let end = text.length;
  while (end > 0 && space.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
