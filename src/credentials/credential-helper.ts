// docker's protocol for programs that keep logins: `docker-credential-NAME get|store|erase`, with the server's name or
// a JSON document on stdin and a JSON document on stdout.
import { z } from 'zod';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { TOKEN_USERNAME, toCredentials } from './auth-file.ts';
import { type LoginProgramNames, type LoginProgramOptions, runLoginProgram } from './login-program.ts';

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/** One helper. What fails is a UsageError that names it; what it printed may be a secret and is never repeated. */
export class CredentialHelper {
  readonly program: string;
  readonly #names: LoginProgramNames;
  readonly #options: LoginProgramOptions;

  /** Throws UsageError when the name could be a path or an option. */
  constructor(name: string, options: LoginProgramOptions) {
    if (!/^[a-z0-9_-]+$/i.test(name)) {
      throw new UsageError(
        `"${name.slice(0, 100)}" is not the name of a credential helper; it may have letters, digits, "_" and "-"`,
      );
    }
    this.program = `docker-credential-${name}`;
    this.#names = {
      title: `the credential helper ${this.program}`,
      ifMissing: 'the docker configuration names it; install it or remove the entry',
    };
    this.#options = options;
  }

  async get(server: string): Promise<Credentials | undefined> {
    const answer = await this.#run('get', server);
    const complaint = `${this.#names.title} gave no login for ${server}, but something else`;
    return answer === undefined ? undefined : readHelperAnswer(answer, complaint);
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
  async #run(action: 'get' | 'store' | 'erase', input: string): Promise<string | undefined> {
    const { output, failure } = await runLoginProgram([this.program, action], input, this.#names, this.#options);
    if (failure === undefined) return output;
    if (isNoSuchLogin(output)) return undefined;
    throw failure;
  }
}

/** Whether a helper that failed has only said that it has no such login. */
export function isNoSuchLogin(output: string): boolean {
  return output.includes('credentials not found');
}

/** The login of a helper's answer. Throws UsageError with the complaint when the answer is something else. */
export function readHelperAnswer(output: string, complaint: string): Credentials | undefined {
  const parsed = answerSchema.safeParse(parseJson(output));
  if (!parsed.success) throw new UsageError(complaint);
  return toCredentials(parsed.data.Username, parsed.data.Secret);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Only JSON.parse can fail here, and its message quotes the text.
    return undefined;
  }
}
