const WIDTH = 100;

/**
 * What a person who opens a file should read first, in formats with `#` comments. Only for sentences of our own: no value
 * that came from outside goes into a comment.
 */
export function comment(client: string, ...sentences: readonly string[]): string {
  return [`Written by wharf client-config ${client}.`, ...sentences].flatMap(wrapped).join('');
}

function wrapped(sentence: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of sentence.split(' ')) {
    if (line.length + word.length >= WIDTH) {
      lines.push(`${line}\n`);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, `${line}\n`];
}
