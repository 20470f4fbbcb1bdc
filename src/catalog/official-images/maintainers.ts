const NAME = /^[^\t\n\f\r <>()][^<>()]*[\t\n\f\r ]$/;
const CONTACTS = /^(?:<[^\t\n\f\r <>()]+>[\t\n\f\r ]+)?\(@[^\t\n\f\r <>()]+\)$/;

/**
 * Whether a maintainer is written `Name <mail> (@handle)` or `Name (@handle)`. The name ends at the first bracket, so
 * the text is cut there and matched in two parts: one pattern for both would take quadratic time on many blanks.
 */
export function isMaintainer(text: string): boolean {
  const bracket = text.search(/[<(]/);
  return bracket > 0 && NAME.test(text.slice(0, bracket)) && CONTACTS.test(text.slice(bracket));
}
