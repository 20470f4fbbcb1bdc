// An upload belongs to whoever began it. Its name says so under a key of ours: no other account's requests can use it, in
// whichever process they end up, and nothing need be kept.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { UploadNames } from '../../store/push-rules.ts';

const SEAL_LENGTH = 22;

export function uploadNames(key: Uint8Array, account: string | undefined): UploadNames {
  const seal = (id: string) => {
    const mac = createHmac('sha256', key).update(`${account ?? ''}\0${id}`);
    return mac.digest('base64url').slice(0, SEAL_LENGTH);
  };
  return {
    outside: (id) => `${id}-${seal(id)}`,
    inside(name) {
      const id = name.slice(0, -SEAL_LENGTH - 1);
      const [given, right] = [Buffer.from(name), Buffer.from(`${id}-${seal(id)}`)];
      return given.length === right.length && timingSafeEqual(given, right) ? id : undefined;
    },
  };
}
