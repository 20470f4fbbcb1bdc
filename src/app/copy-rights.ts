// What a person lacks the right to is known before anything is fetched for it.
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { hintOfProject } from '../remote/project-creator.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { PairedDestination } from './copy-images.ts';
import { type CopyOutcome, uncopied } from './copy-outcome.ts';

export interface TriedDestinations {
  readonly open: readonly PairedDestination[];
  /** Of every image at every destination that takes no push. */
  readonly refused: readonly CopyOutcome[];
}

/** Throws UsageError where no destination takes a push. */
export async function tryToPushEach(paired: readonly PairedDestination[], call: Call): Promise<TriedDestinations> {
  const tried = await Promise.all(paired.map(async (each) => ({ each, error: await whyNot(each, call) })));
  const open = tried.filter(({ error }) => error === undefined).map(({ each }) => each);
  const [first] = tried;
  if (open.length === 0 && first?.error !== undefined) {
    const { message } = first.error;
    throw new UsageError(`cannot push to the target: ${message}${hintOfProject(first.error)}`, { cause: first.error });
  }
  const refused = tried.flatMap(({ each: { destination, names }, error }) =>
    error === undefined ? [] : [...names].map(([image, name]) => uncopied(destination, { image, name }, error)),
  );
  return { open, refused };
}

async function whyNot({ destination, names }: PairedDestination, call: Call): Promise<RemoteError | undefined> {
  const [first] = names;
  if (first === undefined) return undefined;
  try {
    const { target } = await destination.repositoryFor(...first);
    await target.tryToPush?.(call);
    return undefined;
  } catch (error) {
    if (error instanceof RemoteError) return error;
    throw error;
  }
}
