// docker's protocol for programs that keep logins: `docker-credential-NAME get|store|erase`, with the server's name or
// a JSON document on stdin and a JSON document on stdout.
import { execFile } from 'node:child_process';
import { z } from 'zod';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { TOKEN_USERNAME, toCredentials } from './auth-file.ts';
import type { ClientSurroundings } from './client-surroundings.ts';

const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 256 * 1024;

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

export interface CredentialHelperOptions {
  readonly env: ClientSurroundings['env'];
  readonly timeoutMs?: number;
}

/** One helper. What fails is a UsageError that names it; what it printed may be a secret and is never repeated. */
export class CredentialHelper {
  readonly program: string;
  readonly #env: ClientSurroundings['env'];
  readonly #timeoutMs: number;

  /** Throws UsageError when the name could be a path or an option. */
  constructor(name: string, { env, timeoutMs = TIMEOUT_MS }: CredentialHelperOptions) {
    if (!/^[a-z0-9_-]+$/i.test(name)) {
      throw new UsageError(
        `"${name.slice(0, 100)}" is not the name of a credential helper; it may have letters, digits, "_" and "-"`,
      );
    }
    this.program = `docker-credential-${name}`;
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  async get(server: string): Promise<Credentials | undefined> {
    const answer = await this.#run('get', server);
    if (answer === undefined) return undefined;
    const parsed = answerSchema.safeParse(parseJson(answer));
    if (!parsed.success)
      throw new UsageError(`the credential helper ${this.program} gave no login for ${server}, but something else`);
    return toCredentials(parsed.data.Username, parsed.data.Secret);
  }

  async store(server: string, credentials: Credentials): Promise<void> {
    const [username, secret] =
      'identityToken' in credentials
        ? [TOKEN_USERNAME, credentials.identityToken]
        : [credentials.username, credentials.password];
    await this.#run('store', JSON.stringify({ ServerURL: server, Username: username, Secret: secret }));
  }

  /** What it does not have is forgotten already. */
  async erase(server: string): Promise<void> {
    await this.#run('erase', server);
  }

  /** The output, or `undefined` when the helper says that it has no such login. */
  #run(action: 'get' | 'store' | 'erase', input: string): Promise<string | undefined> {
    const options = { env: this.#env, timeout: this.#timeoutMs, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
    return new Promise((resolve, reject) => {
      const child = execFile(this.program, [action], options, (error, stdout) => {
        if (error === null) resolve(stdout);
        else if (stdout.includes('credentials not found')) resolve(undefined);
        else reject(new UsageError(`the credential helper ${this.program} ${this.#reason(error)}`));
      });
      // A helper that does not read its input closes it early; how it ends says whether that matters.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }

  #reason({ code, killed }: { code?: string | number | null | undefined; killed?: boolean | undefined }): string {
    if (code === 'ENOENT')
      return 'is not installed, but the docker configuration names it; install it or remove the entry';
    if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'gave more output than a login can have';
    if (killed === true) return `did not answer within ${this.#timeoutMs / 1000} seconds`;
    return `failed (${typeof code === 'number' ? `exit code ${code}` : (code ?? 'killed')}); run it by hand to see why`;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Only JSON.parse can fail here, and its message quotes the text.
    return undefined;
  }
}
