// Clients that do anything at once, on one data folder whose servers are killed under them. What each is told, it may
// rely on: KnownRepository says in what.
import type { Client } from './client.ts';
import { Diary } from './diary.ts';
import { type DataFolder, Fleet } from './fleet.ts';
import { type Collections, KnownRepository } from './known-repository.ts';
import { Operator } from './operator.ts';
import { Random } from './random.ts';
import { actAtRandom, checkAll } from './run-client.ts';
import { Turns } from './turns.ts';
import { Wire } from './wire.ts';

export interface StoreModelOptions {
  /** Of the choices of each client and of the operator; who is quicker is not in it. */
  readonly seed: number;
  readonly folder: DataFolder;
  /** Asked before each action of a client. */
  readonly isOver: (actions: number) => boolean;
}

const CLIENTS = 6;
const REPOSITORIES_EACH = 2;

/** Says what was done. Rejects when a promise was broken, with the seed and what happened last. */
export async function runStoreModel({ seed, folder, isOver }: StoreModelOptions) {
  const random = new Random(seed);
  // Seeds in a row do all four.
  const collections = { takesYoungBlobs: seed % 2 === 1, takesUntagged: Math.floor(seed / 2) % 2 === 1 };
  const fleet = new Fleet(folder);
  const failures: string[] = [];
  const diary: Diary = new Diary(() => turns.count());
  const operator = new Operator({ folder, fleet, diary, collections, random: random.fork() });
  const attempt = async (who: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures.push(`${diary.of(who)}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  };
  const turns = new Turns(random.fork(), () => attempt('operator', () => operator.act()));
  const shared = repositoriesOf('shared', { ...collections, isShared: true });
  const clients = clientsOf(collections, (name) => new Wire(fleet, { name, diary, random: random.fork() }), random);
  const eachClient = (work: (client: Client) => Promise<void>) =>
    Promise.all(clients.map((client) => attempt(client.wire.name, () => work(client))));
  let actions = 0;
  await fleet.start();
  await eachClient(async (client) => {
    while (failures.length === 0 && !isOver(actions)) {
      actions += 1;
      await actAtRandom(client, shared);
    }
  });
  await turns.close();
  const lookings = [
    () => attempt('operator', () => operator.restart()),
    () => eachClient(checkAll),
    () => attempt('operator', () => operator.collect()),
    () => eachClient(checkAll),
    () => attempt('operator', () => operator.check()),
  ];
  for (const look of lookings) if (failures.length === 0) await look();
  await fleet.endAll();
  if (failures.length > 0) throw new Error([`with the seed ${seed}`, ...folder.troubles, ...failures].join('\n'));
  const { answers, cutOff } = diary;
  return { ...collections, actions, answers, cutOff, ...operator.counts, troubles: folder.troubles };
}

type Options = ConstructorParameters<typeof KnownRepository>[1];

function repositoriesOf(owner: string, options: Options): readonly KnownRepository[] {
  return Array.from({ length: REPOSITORIES_EACH }, (_, nth) => new KnownRepository(`${owner}/${nth + 1}`, options));
}

function clientsOf(collections: Collections, wireOf: (name: string) => Wire, random: Random): readonly Client[] {
  const names = Array.from({ length: CLIENTS }, (_, nth) => `client-${nth + 1}`);
  const all = names.map((name) => repositoriesOf(name, { ...collections, isShared: false }));
  const neighbours = [...all.flat().map(({ name }) => name), 'shared/1', 'shared/2', 'nobody/1'];
  return all.map((repositories, nth) => {
    return { random: random.fork(), wire: wireOf(names[nth] ?? ''), repositories, neighbours };
  });
}
