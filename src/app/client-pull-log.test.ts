import { describe, expect, test } from 'vitest';
import { lastWords, readContainerdLog, readContainersLog } from './client-pull-log.ts';

const line = (message: string) => `time="2026-11-29T11:20:45Z" level=debug msg=${JSON.stringify(message)}`;
const REFUSED = 'pinging container registry mirror.example: Get "https://mirror.example/v2/": connection refused';

describe('podman', () => {
  test('says who gave the image', () => {
    const log = line('Trying to access "mirror.example/docker.io/library/busybox:latest"');
    expect(readContainersLog(log)).toEqual({ from: 'mirror.example/docker.io/library/busybox:latest', passedOver: [] });
  });

  test('says who was passed over, and why', () => {
    const log = [
      line('Trying to access "mirror.example/library/busybox:latest"'),
      line(`Accessing "mirror.example/library/busybox:latest" failed: ${REFUSED}`),
      line('Trying to access "docker.io/library/busybox:latest"'),
    ].join('\n');
    expect(readContainersLog(log)).toEqual({
      from: 'docker.io/library/busybox:latest',
      passedOver: [{ place: 'mirror.example/library/busybox:latest', reason: REFUSED }],
    });
  });

  test('that was refused by all got it from nobody', () => {
    const log = [line('Trying to access "m/x:1"'), line('Accessing "m/x:1" failed: no')].join('\n');
    expect(readContainersLog(log).from).toBeUndefined();
  });
});

describe('ctr', () => {
  test('says who gave the image', () => {
    const log =
      'time="…" level=debug msg=resolving host="m:5000"\ntime="…" level=debug msg=resolved desc.digest="sha256:1" host="m:5000"';
    expect(readContainerdLog(log)).toEqual({ from: 'm:5000', passedOver: [] });
  });

  test('says who was passed over, and why', () => {
    const log =
      'time="…" level=info msg="trying next host" error="Head \\"http://m:7/v2/\\": refused" host="m:7"\n' +
      'time="…" level=info msg="trying next host - response was http.StatusNotFound" host=m.example\n' +
      'time="…" level=debug msg=resolved host=ghcr.io';
    expect(readContainerdLog(log)).toEqual({
      from: 'ghcr.io',
      passedOver: [
        { place: 'm:7', reason: 'Head "http://m:7/v2/": refused' },
        { place: 'm.example', reason: 'it answered something else' },
      ],
    });
  });
});

test.each([
  ['', ''],
  [
    'Trying to pull m/x...\nError: initializing source docker://m/x: no such host\n\n',
    'initializing source docker://m/x: no such host',
  ],
  [`${line('GET')}\n${line('x').replace('debug', 'fatal')} `, 'x'],
  ['ctr: failed to resolve reference "x"\n', 'failed to resolve reference "x"'],
])('the last words of %j are found', (output, words) => {
  expect(lastWords(output)).toBe(words);
});
