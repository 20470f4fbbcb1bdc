import type { VerifyEvent } from '../../verify/events.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';
import { LiveStatus, type LiveStatusOptions } from './live-status.ts';

/** Shows a verification. Dispose of it to leave the terminal as it should be. */
export class VerifyProgress implements Disposable {
  readonly #live: LiveStatus;
  #planned = 0;
  #compared = 0;
  #notSame = 0;
  #bytes = 0;

  constructor(options: LiveStatusOptions) {
    this.#live = new LiveStatus(options, (seconds) => (this.#planned === 0 ? undefined : this.#status(seconds)));
  }

  readonly onEvent = (event: VerifyEvent): void => {
    switch (event.type) {
      case 'planned':
        this.#planned = event.comparisons;
        break;
      case 'compared':
        this.#compared += 1;
        if (event.finding !== 'same') this.#notSame += 1;
        break;
      case 'givenUp':
        this.#live.say(`note: ${event.mirror} is asked no more: ${event.reason}`);
        break;
      case 'bytes':
        this.#bytes += event.count;
        break;
    }
  };

  /** Makes room for a line; the next drawing comes below it. */
  clear(): void {
    this.#live.makeRoom();
  }

  [Symbol.dispose](): void {
    this.#live[Symbol.dispose]();
  }

  #status(seconds: number): string {
    return [
      `${formatCount(this.#compared)}/${formatCount(this.#planned)} compared`,
      `${formatCount(this.#notSame)} not the same`,
      ...(this.#bytes > 0 ? [`${formatBytes(this.#bytes)} hashed`] : []),
      formatDuration(seconds),
    ].join(' · ');
  }
}
