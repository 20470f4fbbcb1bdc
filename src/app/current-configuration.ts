import type { Config } from '../config/config.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import { checkExposure } from './check-exposure.ts';
import { Retiring } from './retiring.ts';
import { type ServedConfiguration, type ServedParts, serveConfiguration } from './served-configuration.ts';
import { settingsOfStart, withSettingsOfStart } from './settings-of-start.ts';

/** What a server serves at the moment, and how that changes while it serves. To be disposed of after the server. */
export class CurrentConfiguration implements AsyncDisposable {
  readonly #parts: Omit<ServedParts, 'session'>;
  readonly #retired = new Set<Promise<void>>();
  #served: ServedConfiguration;
  #answering: Retiring;

  private constructor(parts: ServedParts, served: ServedConfiguration) {
    this.#parts = parts;
    this.#served = served;
    this.#answering = new Retiring(served.handler, served.accounts);
  }

  static async open(parts: ServedParts): Promise<CurrentConfiguration> {
    return new CurrentConfiguration(parts, await serveConfiguration(parts));
  }

  get served(): ServedConfiguration {
    return this.#served;
  }

  /** Each request is answered by what is served when it comes. */
  readonly handler: HttpHandler = (request) => this.#answering.handler(request);

  /**
   * From now on that is served; one call at a time. Gives the settings that differ and take a restart. Throws UsageError
   * when the configuration cannot be used: then all is as before.
   */
  async replace(wanted: Config): Promise<readonly string[]> {
    const { session, config: before } = this.#served;
    const config = withSettingsOfStart(before, wanted);
    await checkExposure(config, session.credentials);
    const served = await serveConfiguration({ ...this.#parts, session: session.successor(config) });
    this.#retire();
    this.#served = served;
    this.#answering = new Retiring(served.handler, served.accounts);
    return settingsOfStart(before, wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#retire();
    await Promise.all(this.#retired);
  }

  #retire(): void {
    const over = this.#answering[Symbol.asyncDispose]().finally(() => this.#retired.delete(over));
    this.#retired.add(over);
  }
}
