import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';
import { DockerDaemon } from './docker-daemon.ts';
import { readDockerHost } from './docker-host.ts';

const MAX_BYTES = 1_000_000;

describe('a docker daemon', () => {
  let started: AsyncDisposableStack;
  let scratch: ScratchFolder;
  let socket: string;
  let daemon: DockerDaemon;
  let requests: string[];
  let answer: (response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

  beforeEach(async () => {
    started = new AsyncDisposableStack();
    scratch = started.use(await scratchFolder('daemon'));
    socket = path.join(scratch.path, 'docker.sock');
    requests = [];
    const server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      void answer(response, request);
    }).listen(socket);
    await once(server, 'listening');
    started.defer(() => {
      server.closeAllConnections();
      server.close();
    });
    daemon = started.use(DockerDaemon.connect({ env: { DOCKER_HOST: `unix://${socket}` } }));
  });
  afterEach(() => started.disposeAsync());

  const answerWith = (status: number, body: string) => {
    answer = async (response, request) => {
      await request.toArray();
      response.writeHead(status).end(body);
    };
  };
  const archive = () => ReadableStream.from<Uint8Array>([Buffer.from('an '), Buffer.from('archive')]);

  async function expectRefused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(message);
  }

  test('gives an image as a stream', async () => {
    answerWith(200, 'an archive');
    const stream = await daemon.save('ghcr.io/o/x:1');
    expect(Buffer.from(await readAll(stream, MAX_BYTES)).toString()).toBe('an archive');
    await (await daemon.save(`sha256:${'a'.repeat(64)}`)).cancel();
    expect(requests).toEqual(['GET /images/ghcr.io/o/x:1/get', `GET /images/sha256:${'a'.repeat(64)}/get`]);
  });

  test('says when it has no such image, and is not asked for what is no name of one', async () => {
    answerWith(404, '{"message":"No such image"}');
    await expectRefused(daemon.save('nginx:1'), /^the docker daemon at .*docker\.sock has no image nginx:1; /);
    await expectRefused(daemon.save('../containers'), /is not the name of an image in a docker daemon/);
    expect(requests).toHaveLength(1);
  });

  test('takes an archive', async () => {
    let received = '';
    answer = async (response, request) => {
      received = Buffer.concat((await request.toArray()) as Buffer[]).toString();
      response.end('{"stream":"Loaded image: nginx:1\\n"}\n');
    };
    await daemon.load(archive());
    expect(received).toBe('an archive');
    expect(requests).toEqual(['POST /images/load?quiet=1']);
  });

  test('says what it has against an archive, in its answer or amid its progress', async () => {
    answerWith(200, '{"stream":"Loading"}\r\n{"errorDetail":{"message":"no"},"error":"invalid \\u001b[31mlayer"}\r\n');
    await expectRefused(daemon.load(archive()), /could not load the archive: invalid  ?\[31mlayer$/);
    answerWith(500, '{"message":"no space left on device"}');
    await expectRefused(daemon.load(archive()), /refused to load the archive \(500\): no space left on device$/);
    answerWith(500, 'something else');
    await expectRefused(daemon.save('nginx:1'), /refused to give the image nginx:1 \(500\): something else$/);
  });

  test('that is given an archive that fails is not what failed', async () => {
    answerWith(200, '');
    const failing = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('a bad disk')) });
    await expect(daemon.load(failing)).rejects.toThrow(/^a bad disk$/);
  });

  test('says where it pulls from', async () => {
    answerWith(
      200,
      '{"RegistryConfig":{"Mirrors":["http://m.example/"]},"DriverStatus":[["Backing Filesystem","xfs"]]}',
    );
    expect(await daemon.sources()).toEqual({ mirrors: ['http://m.example'], isContainerdStore: false });
    answerWith(200, '{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}');
    expect(await daemon.sources()).toEqual({ mirrors: [], isContainerdStore: true });
    answerWith(200, '<html>');
    await expectRefused(daemon.sources(), /is no docker daemon$/);
  });

  test('pulls, and says what it has against it, in its answer or amid its progress', async () => {
    answerWith(200, '{"status":"Pulling"}\r\n{"status":"Digest: sha256:1"}\r\n');
    expect(await daemon.pull('docker.io/library/busybox:latest')).toBeUndefined();
    expect(requests).toEqual(['POST /images/create?fromImage=docker.io%2Flibrary%2Fbusybox%3Alatest']);
    answerWith(200, '{"status":"Pulling"}\r\n{"error":"unexpected EOF"}\r\n');
    expect(await daemon.pull('busybox')).toBe('unexpected EOF');
    answerWith(200, `${'{"status":"Downloading"}\r\n'.repeat(100_000)}{"error":"no space left"}`);
    expect(await daemon.pull('busybox')).toBe('no space left');
    answerWith(404, '{"message":"manifest unknown"}');
    expect(await daemon.pull('busybox')).toBe('manifest unknown');
    await expectRefused(daemon.pull('../x'), /is not the name of an image/);
  });

  test('that is not there is named with the path of its socket', async () => {
    await using absent = DockerDaemon.connect({ env: { DOCKER_HOST: 'unix:///no/such/docker.sock' } });
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>({ cancel: () => void (isCancelled = true) });
    await expectRefused(absent.load(body), /^there is no docker daemon at \/no\/such\/docker\.sock; start it/);
    await expectRefused(absent.save('nginx'), /DOCKER_HOST/);
    expect(isCancelled).toBe(true);
  });

  test('that breaks off in the middle of an image is what failed', async () => {
    answer = (response) => {
      response.write('an ', () => response.destroy());
    };
    const reading = daemon.save('nginx:1').then((stream) => readAll(stream, MAX_BYTES));
    await expectRefused(reading, /^the docker daemon at .*docker\.sock broke the connection$/);
  });

  test('that does not answer is waited for until the caller has enough', async () => {
    answer = () => undefined;
    const stop = new AbortController();
    const waiting = daemon.save('nginx', { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow(/^enough$/);
  });
});

describe('DOCKER_HOST', () => {
  test.each([
    [undefined, '/var/run/docker.sock', 'http://docker'],
    ['', '/var/run/docker.sock', 'http://docker'],
    ['unix:///run/user/1000/docker.sock', '/run/user/1000/docker.sock', 'http://docker'],
    ['tcp://10.0.0.1:2376', '10.0.0.1:2376', 'http://10.0.0.1:2376'],
    ['tcp://docker', 'docker:2375', 'http://docker:2375'],
    ['tcp://docker:80', 'docker:80', 'http://docker:80'],
    ['tcp://[::1]:2375', '[::1]:2375', 'http://[::1]:2375'],
  ])('%s is %s', (host, name, origin) => {
    expect(readDockerHost({ DOCKER_HOST: host })).toMatchObject({ name, origin });
  });

  test.each([
    ['unix://docker.sock', {}, /no absolute path/],
    ['ssh://me@host', {}, /not spoken here; write unix:\/\/\/path or tcp:/],
    ['npipe:////./pipe/docker', {}, /not spoken here/],
    ['tcp://', {}, /is no address/],
    ['tcp://host:port', {}, /is no address/],
    ['tcp://user@host:1', {}, /is no address/],
    ['tcp://host:2376/path', {}, /is no address/],
    ['tcp://host:2376', { DOCKER_TLS_VERIFY: '1' }, /with TLS, which is not spoken here/],
  ])('%s is refused with what to write instead', (host, env, message) => {
    expect(() => readDockerHost({ DOCKER_HOST: host, ...env })).toThrow(message);
    expect(() => readDockerHost({ DOCKER_HOST: host, ...env })).toThrow(UsageError);
  });
});
