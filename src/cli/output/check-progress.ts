import type { CheckEvent } from '../../store/check-finding.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';
import { LiveStatus, type LiveStatusOptions } from './live-status.ts';

/** Shows a check. Dispose of it to leave the terminal as it should be. */
export class CheckProgress implements Disposable {
  readonly #live: LiveStatus;
  readonly #planned = { blobs: 0, sizeBytes: 0 };
  readonly #done = { blobs: 0, sizeBytes: 0 };

  constructor(options: LiveStatusOptions) {
    this.#live = new LiveStatus(options, (seconds) => (this.#planned.blobs === 0 ? undefined : this.#status(seconds)));
  }

  readonly onEvent = (event: CheckEvent): void => {
    switch (event.type) {
      case 'planned':
        this.#planned.blobs = event.blobs;
        this.#planned.sizeBytes = event.sizeBytes;
        break;
      case 'bytes':
        this.#done.sizeBytes += event.count;
        break;
      case 'hashed':
        this.#done.blobs += 1;
        break;
      case 'restored':
        this.#live.say(`note: the blob ${event.digest} was in the trash, and is back in its place`);
        break;
      case 'found':
        this.clear();
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
    const { blobs, sizeBytes } = this.#done;
    return [
      `${formatCount(blobs)}/${formatCount(this.#planned.blobs)} blobs`,
      `${formatBytes(sizeBytes)} of ${formatBytes(this.#planned.sizeBytes)} hashed`,
      `${formatBytes(sizeBytes / Math.max(seconds, 0.1))}/s`,
      formatDuration(seconds),
    ].join(' · ');
  }
}
