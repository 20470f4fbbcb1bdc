import { askHub } from './ask-hub.ts';
import { catalogImage } from './hub/catalog-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import type { FaultAction, FaultCondition } from './origin/faults.ts';

export const images = [catalogImage('nginx', ['1.27', 'latest'], ['linux/amd64', 'linux/arm64/v8'])];

export function hubWith(when: FaultCondition, action: FaultAction): Promise<Hub> {
  return startHub({ images, faults: [{ when, action }] });
}

export async function statusOf(hub: Hub, path: string, method = 'GET'): Promise<number> {
  const response = await askHub(hub, 'library/nginx', path, { method });
  await response.bytes();
  return response.status;
}

export async function textOf(hub: Hub, path: string): Promise<string> {
  return (await askHub(hub, 'library/nginx', path)).text();
}
