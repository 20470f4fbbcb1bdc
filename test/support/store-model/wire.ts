import type { Diary } from './diary.ts';
import type { Fleet, Member } from './fleet.ts';
import type { Random } from './random.ts';

/** The server ended before its answer did: what was asked for has happened, or not. */
export class CutOff extends Error {
  override readonly name = 'CutOff';
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

export interface Sending {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | undefined;
  /** The statuses that are right, or any below 500. */
  readonly expect?: readonly number[] | undefined;
}

/** Nothing takes as long, however much there is to do. */
const DEADLINE_MS = 60_000;

/** One client's side of HTTP: each request goes to any of the servers, and each answer is looked at. */
export class Wire {
  readonly name: string;
  readonly #fleet: Fleet;
  readonly #random: Random;
  readonly #diary: Diary;

  constructor(
    fleet: Fleet,
    { name, random, diary }: { readonly name: string; readonly random: Random; readonly diary: Diary },
  ) {
    this.name = name;
    this.#fleet = fleet;
    this.#random = random;
    this.#diary = diary;
  }

  /** Throws CutOff; and an Error for an answer that no server may give, or for none. */
  async send(method: string, path: string, sending: Sending = {}): Promise<Answer> {
    const member = await this.#fleet.pick(this.#random);
    const { answer, why } = await this.#exchange(member, method, path, sending);
    const status = answer?.status ?? 'cut off';
    this.#diary.noteAnswer(this.name, `${new URL(member.url).port} ${method} ${path} ${status}`);
    if (answer === undefined) return await this.#judge(member, `${method} ${path}`, why);
    const { expect } = sending;
    if (expect?.includes(answer.status) ?? answer.status < 500) return answer;
    const text = Buffer.from(answer.bytes.subarray(0, 500)).toString();
    throw new Error(`${method} ${path} was answered ${status}, not ${expect?.join(' or ') ?? 'below 500'}: ${text}`);
  }

  /** Sends the beginning of a body and leaves. */
  async sendAndLeave(
    method: string,
    path: string,
    { headers = {}, body: beginning }: { readonly headers?: Record<string, string>; readonly body: Uint8Array },
  ): Promise<void> {
    const { url } = await this.#fleet.pick(this.#random);
    const left = new AbortController();
    let isSent = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (isSent) left.abort();
          else controller.enqueue(beginning);
          isSent = true;
        },
      },
      { highWaterMark: 0 },
    );
    const init: RequestInit = { method, headers, body, duplex: 'half', signal: left.signal };
    await fetch(url + path, init).then(
      (response) => response.body?.cancel(),
      () => undefined,
    );
    this.#diary.noteAnswer(
      this.name,
      `${new URL(url).port} ${method} ${path} left after ${beginning.byteLength} bytes`,
    );
  }

  async #exchange(member: Member, method: string, path: string, { headers = {}, body }: Sending) {
    try {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const init: RequestInit = { method, headers, body: body ?? null, duplex: 'half', redirect: 'manual', signal };
      const response = await fetch(member.url + path, init);
      const { status, headers: answered } = response;
      return { answer: { status, headers: answered, bytes: new Uint8Array(await response.arrayBuffer()) } };
    } catch (why) {
      return { why };
    }
  }

  async #judge(member: Member, request: string, cause: unknown): Promise<never> {
    if (member.ending === undefined) throw new Error(`${request} was not answered by a server that lives`, { cause });
    await member.ending;
    this.#diary.cutOff += 1;
    throw new CutOff(request, { cause });
  }
}
