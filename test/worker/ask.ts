// One request as it is written, to any edition: with a Host of its own, a path that nobody tidies, and a body of which
// perhaps only the beginning is ever sent.
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A body of so many bytes is announced, and its first bytes are sent. */
  readonly announcedBytes?: number;
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** What came of it. */
  readonly body: Buffer;
  /** It ended before its length. */
  readonly isBroken: boolean;
}

export async function ask(host: string, path: string, asked: Asked = {}): Promise<Got> {
  const answer = await open(host, path, asked);
  const chunks: Buffer[] = [];
  let isBroken = false;
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch {
    isBroken = true;
  }
  answer.destroy();
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks), isBroken };
}

/** The same, for whoever reads the body himself, or does not. */
export async function open(host: string, path: string, asked: Asked = {}): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, announcedBytes } = asked;
  const { hostname, port } = new URL(`http://${host}`);
  const length = announcedBytes === undefined ? {} : { 'content-length': String(announcedBytes) };
  const sent = request({ hostname, port, path, method, headers: { ...headers, ...length }, agent: false });
  if (announcedBytes === undefined) sent.end();
  else sent.write(Buffer.alloc(1000));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  // Who does not take the body breaks the connection off.
  sent.on('error', () => undefined);
  return answer;
}

/** The code that the distribution specification gives an error. */
export function codeIn({ body }: Got): string | undefined {
  return (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]?.code;
}
