// A page of the web API has a hundred entries of a few kilobytes, of which little is needed. They are read one at a time,
// as they arrive: whole pages are large objects, which the garbage collector leaves lying about for long.

const RESULTS = /"results"\s*:\s*\[/;
/** What stands before the list is a count and two URLs. */
const MAX_HEAD = 64 * 1024;

/** Takes the JSON of a page in pieces, and gives the JSON of its `results`, one after the other. */
export class HubPageReader {
  #rest = '';
  #entry = '';
  #isInList = false;
  #isPastList = false;
  #hasEntries = false;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

  /** The entries that are complete with this piece. Throws SyntaxError for what cannot become such a page. */
  push(piece: string): string[] {
    if (this.#isPastList || !this.#isInList) {
      this.#rest += piece;
      return this.#isPastList ? [] : this.#findList();
    }
    return this.#readList(piece);
  }

  /** The page with an empty list. */
  end(): string {
    return this.#rest;
  }

  #findList(): string[] {
    const found = RESULTS.exec(this.#rest);
    if (found === null) {
      if (this.#rest.length > MAX_HEAD) throw new SyntaxError('there is no list in sight');
      return [];
    }
    const list = found.index + found[0].length;
    const begun = this.#rest.slice(list);
    this.#rest = this.#rest.slice(0, list);
    this.#isInList = true;
    return this.#readList(begun);
  }

  #readList(piece: string): string[] {
    const entries: string[] = [];
    let start = 0;
    const complete = (end: number) => {
      const entry = this.#entry + piece.slice(start, end);
      this.#entry = '';
      start = end + 1;
      return entry;
    };
    for (let at = 0; at < piece.length; at += 1) {
      const ends = this.#endsAt(piece.charCodeAt(at));
      if (ends === 'nothing') continue;
      const entry = complete(at);
      // Between the brackets of an empty list is none; anywhere else nothing is no entry, as JSON.parse will say.
      if (ends === 'entry' || this.#hasEntries || entry.trim() !== '') entries.push(entry);
      this.#hasEntries = true;
      if (ends === 'list') {
        this.#isPastList = true;
        this.#rest += piece.slice(at);
        return entries;
      }
    }
    this.#entry += piece.slice(start);
    return entries;
  }

  #endsAt(code: number): 'nothing' | 'entry' | 'list' {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === BACKSLASH) this.#isEscaped = true;
      else if (code === QUOTE) this.#isInString = false;
    } else if (code === QUOTE) this.#isInString = true;
    else if (code === OPEN_MAP || code === OPEN_LIST) this.#depth += 1;
    else if (this.#depth > 0) {
      if (code === CLOSE_MAP || code === CLOSE_LIST) this.#depth -= 1;
    } else if (code === COMMA) return 'entry';
    else if (code === CLOSE_LIST) return 'list';
    return 'nothing';
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
