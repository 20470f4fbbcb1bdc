// Where a client pulled from, as it says itself when it is told to say everything. Pure.

export interface PullLog {
  /** Who gave the image: `mirror.example:5000`, perhaps with a name. */
  readonly from: string | undefined;
  /** Who was asked before, and what came of it. */
  readonly passedOver: readonly PassedOver[];
}

interface PassedOver {
  readonly place: string;
  readonly reason: string;
}

/** What podman, buildah and skopeo log; the last that they try is the one that gave it, if any did. */
export function readContainersLog(log: string): PullLog {
  let from: string | undefined;
  const passedOver: PassedOver[] = [];
  for (const message of messagesOf(log)) {
    const [, tried] = /^Trying to access "([^"]+)"/.exec(message) ?? [];
    const [, place, reason] = /^Accessing "([^"]+)" failed: (.*)$/s.exec(message) ?? [];
    if (tried !== undefined) from = tried;
    if (place !== undefined && reason !== undefined) passedOver.push({ place, reason });
  }
  return { from: passedOver.some(({ place }) => place === from) ? undefined : from, passedOver };
}

/** What `ctr --debug` logs. */
export function readContainerdLog(log: string): PullLog {
  let from: string | undefined;
  const passedOver: PassedOver[] = [];
  for (const line of log.split('\n')) {
    const { msg, host, error, 'response.status': status } = fieldsOf(line);
    if (host === undefined) continue;
    if (msg === 'resolved') from = host;
    if (msg?.startsWith('trying next host') === true) {
      passedOver.push({ place: host, reason: error ?? `it answered ${status ?? 'something else'}` });
    }
  }
  return { from, passedOver };
}

/** The last line that is no progress, without what only programs read. */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((each) => /error|fatal|fail|cannot|denied/i.test(each)) ?? lines.at(-1) ?? '';
  return (fieldsOf(line)['msg'] ?? line).replace(/^(?:(?:Error|ctr): |FATA\[\d+\] )/, '').trim();
}

function messagesOf(log: string): readonly string[] {
  return log.split('\n').flatMap((line) => fieldsOf(line)['msg'] ?? []);
}

/** `level=info msg="trying next host" host=mirror` */
function fieldsOf(line: string): Readonly<Record<string, string | undefined>> {
  const fields = line.matchAll(/(?:^| )([a-z.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))/gi);
  return Object.fromEntries(
    [...fields].map(([, name, quoted, plain]) => [name, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain]),
  );
}
