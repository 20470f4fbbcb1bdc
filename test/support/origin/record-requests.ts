import type { Faults } from './faults.ts';
import type { Request } from './request.ts';

/** Every request that a double gets from now on, in its order, with its headers. */
export function recordRequests(...doubles: readonly { readonly faults: Faults }[]): readonly Request[] {
  const requests: Request[] = [];
  for (const { faults } of doubles) {
    faults.add({
      when: {},
      action(request, next) {
        requests.push(request);
        return next(request);
      },
    });
  }
  return requests;
}
