import type { ClientFile } from './client-configuration.ts';
import { shellWord } from './quoted.ts';

const HEAD = `#!/bin/sh
# Written by wharf client-config. Writes the files below; one that is there already and says something else is left alone.
set -eu
status=0

put() {
  if [ ! -e "$1" ]; then
    mkdir -p -- "$(dirname -- "$1")"
    cat >"$1"
  elif [ "$(cat)" != "$(cat -- "$1")" ]; then
    printf '%s is there already and was left as it is\\n' "$1" >&2
    status=1
  fi
}
`;

/** Several files as one: a POSIX shell script that writes them. A text that ends without a line end gets one. */
export function asShellScript(files: readonly ClientFile[]): string {
  const puts = files.map(({ path, text }) => {
    const end = delimiterFor(text);
    return `\nput ${shellWord(path)} <<'${end}'\n${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${end}\n`;
  });
  return `${HEAD}${puts.join('')}\nexit "$status"\n`;
}

/** A line that the text does not have. */
function delimiterFor(text: string): string {
  const lines = new Set(text.split('\n'));
  for (let count = 1; ; count++) {
    const delimiter = count === 1 ? 'END_OF_FILE' : `END_OF_FILE_${count}`;
    if (!lines.has(delimiter)) return delimiter;
  }
}
