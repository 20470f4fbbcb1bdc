// Texts as they stand in a file of another format, so that they end where they end.

/** A TOML basic string. JSON's escapes are TOML's, but for DEL, which JSON lets stand. */
export function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll('\u007F', '\\u007F');
}

export function tomlArray(texts: readonly string[]): string {
  return `[${texts.map(tomlString).join(', ')}]`;
}

/** One word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
