import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { CredentialHelper } from './credential-helper.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-helper-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A helper that is a shell script: `$1` is the action, stdin the input. */
async function helper(script: string, timeoutMs = 30_000): Promise<CredentialHelper> {
  await writeFile(path.join(folder, 'docker-credential-fake'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const env = { PATH: `${folder}:${process.env['PATH']}`, FOLDER: folder };
  return new CredentialHelper('fake', { env, timeoutMs });
}

describe('get', () => {
  test('gives the user and the secret that the helper has for the server on its input', async () => {
    const fake = await helper(
      'server=$(cat); echo "{\\"ServerURL\\":\\"x\\",\\"Username\\":\\"$1\\",\\"Secret\\":\\"for $server\\"}"',
    );
    expect(await fake.get('ghcr.io')).toEqual({ username: 'get', password: 'for ghcr.io' });
  });

  test('gives an identity token where the user is <token>', async () => {
    const fake = await helper('echo \'{"Username":"<token>","Secret":"abc"}\'');
    expect(await fake.get('ghcr.io')).toEqual({ identityToken: 'abc' });
  });

  test('gives nothing where the helper says that it has nothing', async () => {
    const fake = await helper('echo credentials not found in native keychain; exit 1');
    expect(await fake.get('ghcr.io')).toBeUndefined();
  });

  test('does not mind a helper that never reads its input', async () => {
    const fake = await helper('exec 0<&-; echo \'{"Username":"u","Secret":"p"}\'');
    expect(await fake.get('x'.repeat(1_000_000))).toEqual({ username: 'u', password: 'p' });
  });
});

describe('store and erase', () => {
  test('hand over what docker hands over', async () => {
    const fake = await helper('cat > "$FOLDER/$1"; cat "$FOLDER/store" 2>/dev/null');
    await fake.store('ghcr.io', { username: 'u', password: 'p"' });
    expect(await fake.get('ghcr.io')).toEqual({ username: 'u', password: 'p"' });
    await fake.store('ghcr.io', { identityToken: 't' });
    expect(await fake.get('ghcr.io')).toEqual({ identityToken: 't' });
    await fake.erase('ghcr.io');
  });
});

describe('what goes wrong is told without what the helper printed', () => {
  test.each([
    ['echo hunter2; echo hunter2 >&2; exit 3', 'failed (exit code 3); run it by hand to see why'],
    ['echo hunter2', 'gave no login for ghcr.io, but something else'],
    ['echo \'{"Username":"hunter2"}\'', 'gave no login for ghcr.io, but something else'],
    ['head -c 300000 /dev/zero', 'gave more output than a login can have'],
    ['kill -9 $$', 'failed (killed); run it by hand to see why'],
  ])('%s', async (script, what) => {
    const fake = await helper(script);
    await expect(fake.get('ghcr.io')).rejects.toThrow(
      new UsageError(`the credential helper docker-credential-fake ${what}`),
    );
  });

  test('a helper that hangs, even when its children keep its output open', async () => {
    const fake = await helper('sleep 10', 100);
    await expect(fake.get('ghcr.io')).rejects.toThrow('docker-credential-fake did not answer within 0.1 seconds');
  });

  test('a helper that hangs and will not be asked to end', async () => {
    const fake = await helper("trap '' TERM; for i in $(seq 100); do sleep 0.1; done", 100);
    await expect(fake.get('ghcr.io')).rejects.toThrow('docker-credential-fake did not answer within 0.1 seconds');
  }, 5000);

  test('a helper that is not there', async () => {
    const missing = new CredentialHelper('nowhere', { env: { PATH: folder } });
    await expect(missing.get('ghcr.io')).rejects.toThrow(
      'docker-credential-nowhere is not installed, but the docker configuration names it; install it or remove the entry',
    );
  });
});

test.each(['', '../evil', 'a b', 'a;b', 'a/b', 'ä', 'a\n'])('"%s" is not the name of a helper', (name) => {
  expect(() => new CredentialHelper(name, { env: {} })).toThrow(UsageError);
});
