import type { Clock } from '../async/clock.ts';
import { SingleFlight } from '../async/single-flight.ts';
import type { Credentials } from './credentials.ts';

export interface KeptLoginOptions {
  /** Looks the login up, or has a program make it; however many wait for it, it is asked once at a time. */
  readonly ask: () => Promise<Credentials | undefined>;
  readonly clock: Clock;
}

type Answer = { readonly login: Credentials | undefined } | { readonly error: unknown };

/**
 * Refusals come as fast as clients ask for what they may not have, and each question may run a program: an answer that
 * is younger is the best there is, and a failure is not repeated sooner.
 */
const LEAST_BETWEEN_MS = 10_000;

/** The login for one registry, for as long as it is good. */
export class KeptLogin {
  readonly #ask: KeptLoginOptions['ask'];
  readonly #clock: Clock;
  readonly #flights = new SingleFlight<'ask', Answer>();
  #answer: Answer | undefined;
  #askedMs = 0;

  constructor({ ask, clock }: KeptLoginOptions) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** The last one that was given, whether or not it is still good. */
  get last(): Credentials | undefined {
    return this.#answer !== undefined && 'login' in this.#answer ? this.#answer.login : undefined;
  }

  /** Asks where there is none yet, or its lifetime is over. Rejects with what the question failed with. */
  async current(): Promise<Credentials | undefined> {
    return loginOf(this.#isYoungerThan(lifetimeOf(this.#answer)) ? this.#answer : await this.#renew());
  }

  /**
   * To be called when the registry refuses a login, or that there is none: somebody may have logged in since, or a
   * program may have another. Whether there is a different one to try now.
   */
  async isReplaced(refused: Credentials | undefined): Promise<boolean> {
    if (!isSame(this.last, refused)) return this.last !== undefined;
    if (this.#isYoungerThan(LEAST_BETWEEN_MS)) return false;
    const login = loginOf(await this.#renew());
    return login !== undefined && !isSame(login, refused);
  }

  // By a clock that was set back since, nothing is known of its age.
  #isYoungerThan(ms: number): boolean {
    const ageMs = this.#clock.now() - this.#askedMs;
    return this.#answer !== undefined && ageMs >= 0 && ageMs < ms;
  }

  #renew(): Promise<Answer> {
    return this.#flights.run('ask', async () => {
      const answer = await this.#ask().then(
        (login) => ({ login }),
        (error: unknown) => ({ error }),
      );
      this.#askedMs = this.#clock.now();
      this.#answer = answer;
      return answer;
    });
  }
}

function lifetimeOf(answer: Answer | undefined): number {
  if (answer === undefined) return 0;
  return 'error' in answer ? LEAST_BETWEEN_MS : (answer.login?.lifetimeMs ?? Infinity);
}

function loginOf(answer: Answer | undefined): Credentials | undefined {
  if (answer !== undefined && 'error' in answer) throw answer.error;
  return answer?.login;
}

function isSame(one: Credentials | undefined, other: Credentials | undefined): boolean {
  return partsOf(one).join('\0') === partsOf(other).join('\0');
}

function partsOf(login: Credentials | undefined): readonly string[] {
  if (login === undefined) return [];
  return 'username' in login ? [login.username, login.password] : [login.identityToken];
}
