import type { Config } from '../config/config.ts';
import type { HttpHandler } from '../http/distribution/request.ts';
import { checkExposure } from './check-exposure.ts';
import { type ServedConfiguration, type ServedParts, serveConfiguration } from './served-configuration.ts';
import { settingsOfStart, withSettingsOfStart } from './settings-of-start.ts';

/** What a server serves at the moment, and how that changes while it serves. */
export class CurrentConfiguration {
  readonly #parts: Pick<ServedParts, 'store' | 'cache'>;
  #served: ServedConfiguration;

  private constructor(parts: ServedParts, served: ServedConfiguration) {
    this.#parts = parts;
    this.#served = served;
  }

  static async open(parts: ServedParts): Promise<CurrentConfiguration> {
    return new CurrentConfiguration(parts, await serveConfiguration(parts));
  }

  get served(): ServedConfiguration {
    return this.#served;
  }

  /** Each request is answered by what is served when it comes. */
  readonly handler: HttpHandler = (request) => this.#served.handler(request);

  /**
   * From now on that is served; one call at a time. Gives the settings that differ and take a restart. Throws UsageError
   * when the configuration cannot be used: then all is as before.
   */
  async replace(wanted: Config): Promise<readonly string[]> {
    const { session, config: before } = this.#served;
    const config = withSettingsOfStart(before, wanted);
    await checkExposure(config, session.credentials);
    this.#served = await serveConfiguration({ ...this.#parts, session: session.successor(config) });
    return settingsOfStart(before, wanted);
  }
}
