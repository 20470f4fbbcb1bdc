import { randomUUID } from 'node:crypto';
import type { Clock } from '../async/clock.ts';
import type { WebhookConfig } from '../config/config.ts';
import type { Log } from '../observe/log.ts';
import { type Send, SendError } from '../remote/send.ts';
import { type Notification, signatureOf } from './notification.ts';

export interface NotifierOptions {
  /** Those of the moment. */
  readonly webhooks: () => readonly WebhookConfig[];
  readonly send: Send;
  readonly log: Log;
  readonly clock: Clock;
}

export type DeliveryOutcome = 'delivered' | 'failed' | 'dropped';

interface Delivery {
  readonly webhook: WebhookConfig;
  readonly event: string;
  readonly body: string;
  /** The same for each attempt. */
  readonly id: string;
}

const DEADLINE_MS = 10_000;
const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 1000;
const MOST_WAITING = 100;

/**
 * Posts to webhooks, and holds up nobody: each has a queue of its own, and what is too much for it is dropped. Answers
 * are not read, and redirects not followed. Neither a secret nor an address, which may hold one, is ever logged.
 */
export class Notifier implements AsyncDisposable {
  readonly #options: NotifierOptions;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, Delivery[]>();
  readonly #working = new Set<Promise<void>>();
  readonly counts: Record<DeliveryOutcome, number> = { delivered: 0, failed: 0, dropped: 0 };

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Returns at once. */
  notify({ event, document }: Notification): void {
    for (const webhook of this.#options.webhooks()) {
      if (webhook.on.includes(event)) {
        this.#enqueue({ webhook, event, body: JSON.stringify(document), id: randomUUID() });
      }
    }
  }

  /** Until all is delivered or given up. */
  async settle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  /** What is not delivered by then is dropped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.settle();
  }

  #enqueue(delivery: Delivery): void {
    const { url } = delivery.webhook;
    const queue = this.#waiting.get(url);
    if (queue === undefined) {
      const begun = [delivery];
      this.#waiting.set(url, begun);
      const work = this.#work(url, begun).finally(() => this.#working.delete(work));
      this.#working.add(work);
    } else if (queue.length < MOST_WAITING) {
      queue.push(delivery);
    } else {
      this.#drop(delivery, `${MOST_WAITING} notifications wait already`);
    }
  }

  async #work(url: string, queue: Delivery[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (this.#stop.signal.aborted) this.#drop(next, 'the server is stopping');
      else await this.#deliver(next);
    }
    this.#waiting.delete(url);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { log, clock } = this.#options;
    const { event, id, webhook } = delivery;
    let failure: Failure | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      failure = await this.#attempt(delivery);
      if (failure === undefined) {
        this.counts.delivered += 1;
        log.debug('notified', { event, host: hostOf(webhook), id });
        return;
      }
      if (!failure.isPassing || attempt === ATTEMPTS || this.#stop.signal.aborted) break;
      const pauseMs = FIRST_PAUSE_MS * 4 ** (attempt - 1) * (0.5 + clock.random());
      await clock.sleep(pauseMs, this.#stop.signal).catch(() => undefined);
    }
    this.counts.failed += 1;
    log.warn('notification failed', { event, host: hostOf(webhook), id, reason: failure?.reason });
  }

  async #attempt({ webhook, event, body, id }: Delivery): Promise<Failure | undefined> {
    const { send, clock } = this.#options;
    const timestamp = String(Math.floor(clock.now() / 1000));
    const deadline = new AbortController();
    const isOver = new AbortController();
    void clock.sleep(DEADLINE_MS, isOver.signal).then(
      () => deadline.abort(new Error(`no answer within ${DEADLINE_MS / 1000} s`)),
      () => undefined,
    );
    try {
      const response = await send({
        method: 'POST',
        url: new URL(webhook.url),
        headers: {
          'content-type': 'application/json',
          'user-agent': 'wharf',
          'x-wharf-event': event,
          'x-wharf-delivery': id,
          'x-wharf-timestamp': timestamp,
          'x-wharf-signature': signatureOf(webhook.secret, timestamp, body),
        },
        body: new TextEncoder().encode(body),
        reach: 'configured',
        headersTimeoutMs: DEADLINE_MS,
        idleTimeoutMs: DEADLINE_MS,
        signal: AbortSignal.any([deadline.signal, this.#stop.signal]),
      });
      // Whatever it says, and however long that takes it, is of no use.
      void response.body
        .stream()
        .cancel()
        .catch(() => undefined);
      return failureOf(response.status);
    } catch (error) {
      // Its words name neither the address nor the secret.
      const isKnown = error instanceof SendError || error === deadline.signal.reason;
      return { reason: isKnown ? (error as Error).message : 'it broke off', isPassing: true };
    } finally {
      isOver.abort();
    }
  }

  #drop({ webhook, event, id }: Delivery, reason: string): void {
    this.counts.dropped += 1;
    this.#options.log.warn('notification dropped', { event, host: hostOf(webhook), id, reason });
  }
}

interface Failure {
  readonly reason: string;
  /** Whether another attempt can help. */
  readonly isPassing: boolean;
}

function failureOf(status: number): Failure | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400)
    return { reason: `answered ${status}; redirects are not followed`, isPassing: false };
  return { reason: `answered ${status}`, isPassing: status >= 500 || status === 429 || status === 408 };
}

function hostOf({ url }: WebhookConfig): string {
  return new URL(url).host;
}
