// Secrets that are known again wherever they come out, in whatever way they are written there.
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

export class Canaries {
  readonly #secrets = new Map<string, string>();
  /** Of every process on this machine that was seen: the arguments are for all to see. */
  readonly commandLines = new Set<string>();

  /** Has what has to be written otherwise in URLs and in JSON. */
  plant(name: string): string {
    return this.add(name, `${nameOf(name)}/+"ä`);
  }

  /** One that a header can hold, and a part of a path. */
  plantToken(name: string): string {
    return this.add(name, nameOf(name));
  }

  /** One that a program has made. */
  add(name: string, secret: string): string {
    if (secret.length < 8) throw new Error(`${name} is no secret: "${secret}"`);
    this.#secrets.set(name, secret);
    return secret;
  }

  /** To be called while programs run that wait for somebody. */
  look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        this.commandLines.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
      } catch {
        // It has ended.
      }
    }
  }

  /** `NAME in WHERE`, of all that are in a text. */
  foundIn(where: string, text: string): readonly string[] {
    return [...this.#secrets].filter(([, secret]) => hasSecret(text, secret)).map(([name]) => `${name} in ${where}`);
  }

  /** The same of all files below a folder, but for those in which they belong. */
  foundBelow(folder: string, isMeant: (file: string) => boolean): readonly string[] {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
      .filter((file) => !isMeant(file))
      .flatMap((file) => this.foundIn(file, readFileSync(path.join(folder, file), 'latin1')));
  }
}

function nameOf(name: string): string {
  return `canary-${name}-${randomBytes(9).toString('hex')}`;
}

function hasSecret(text: string, secret: string): boolean {
  return formsOf(secret).some((form) => text.includes(form));
}

/** As it is, in bytes of UTF-8, in a URL, in JSON, and in base64 behind a user name of any length. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const inBase64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // What stands beside it is in the first characters and the last ones.
    const inner = text.slice(4, -4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const plain = [secret, bytes.toString('latin1'), encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
  return [...plain, ...inBase64];
}
