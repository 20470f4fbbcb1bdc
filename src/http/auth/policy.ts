// Who may do what with which repository. Rules only ever give: what no rule gives, nobody has. Pure.
import { type Pattern, parsePattern } from '../../oci/pattern.ts';
import { AddressRanges } from '../address-ranges.ts';

/** `fill`: push into a repository of an upstream. `admin`: the API of the admin listener. */
export const ACTIONS = ['pull', 'push', 'delete', 'fill', 'admin'] as const;
export type Action = (typeof ACTIONS)[number];

export interface PolicyRule {
  /** Patterns of canonical names: `docker.io/library/**` of an upstream, `team/**` of our own. */
  readonly repositories: readonly string[];
  /** `*`: every account. */
  readonly accounts: readonly string[];
  readonly groups: readonly string[];
  /** Also for whoever has not logged in. */
  readonly anonymous: boolean;
  /** Where such a client has to be; none: anywhere. */
  readonly networks: readonly string[];
  readonly allow: readonly Action[];
}

export interface PolicyOptions {
  readonly rules: readonly PolicyRule[];
  /** Accounts by group. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
}

/** Whoever asks. */
export interface Who {
  /** `undefined`: nobody has logged in. */
  readonly account: string | undefined;
  /** Only asked for where it matters. */
  readonly address: string;
}

/** What somebody has for a repository: wherever he is, and where he is in one of some networks. */
interface Grants {
  readonly everywhere: number;
  readonly within: readonly { readonly networks: AddressRanges; readonly actions: number }[];
}

interface CompiledRule {
  readonly patterns: readonly Pattern[];
  readonly networks: AddressRanges | undefined;
  readonly actions: number;
}

const BIT: Readonly<Record<Action, number>> = { pull: 1, push: 2, delete: 4, fill: 8, admin: 16 };
const EVERYBODY = '*';
/** Of accounts and repositories that were asked about lately. */
const MAX_REMEMBERED = 20_000;

export class Policy {
  readonly #ofAll = new RuleIndex();
  readonly #ofAccounts = new RuleIndex();
  readonly #byAccount = new Map<string, RuleIndex>();
  /** By account, and then by repository. */
  readonly #remembered = new Map<string | undefined, Map<string, Grants>>();
  #rememberedCount = 0;

  constructor({ rules, groups }: PolicyOptions) {
    for (const rule of rules) {
      const compiled = compile(rule);
      if (rule.anonymous) this.#ofAll.add(compiled);
      else if (rule.accounts.includes(EVERYBODY)) this.#ofAccounts.add(compiled);
      else for (const account of accountsOf(rule, groups)) this.#indexOf(account).add(compiled);
    }
  }

  allows(who: Who, repository: string, action: Action): boolean {
    const { everywhere, within } = this.#grants(who.account, repository);
    if ((everywhere & BIT[action]) !== 0) return true;
    return within.some(({ networks, actions }) => (actions & BIT[action]) !== 0 && networks.has(who.address));
  }

  /** What concerns the whole server: only a rule for all repositories gives it. */
  allowsEverywhere(who: Who, action: Action): boolean {
    return this.allows(who, WHOLE_SERVER, action);
  }

  /** However many rules there are, most requests look at none. */
  #grants(account: string | undefined, repository: string): Grants {
    const known = this.#remembered.get(account)?.get(repository);
    if (known !== undefined) return known;
    const rules = this.#rulesOf(account).flatMap((index) => index.matching(repository));
    const grants: Grants = {
      everywhere: rules.reduce((sum, rule) => sum | (rule.networks === undefined ? rule.actions : 0), 0),
      within: rules.flatMap(({ networks, actions }) => (networks === undefined ? [] : [{ networks, actions }])),
    };
    this.#remember(account, repository, grants);
    return grants;
  }

  #remember(account: string | undefined, repository: string, grants: Grants): void {
    if (this.#rememberedCount >= MAX_REMEMBERED) {
      this.#remembered.clear();
      this.#rememberedCount = 0;
    }
    const ofAccount = this.#remembered.get(account) ?? new Map<string, Grants>();
    this.#remembered.set(account, ofAccount.set(repository, grants));
    this.#rememberedCount += 1;
  }

  #rulesOf(account: string | undefined): readonly RuleIndex[] {
    if (account === undefined) return [this.#ofAll];
    const own = this.#byAccount.get(account);
    return own === undefined ? [this.#ofAll, this.#ofAccounts] : [this.#ofAll, this.#ofAccounts, own];
  }

  #indexOf(account: string): RuleIndex {
    const index = this.#byAccount.get(account) ?? new RuleIndex();
    this.#byAccount.set(account, index);
    return index;
  }
}

/** No repository is called so. */
const WHOLE_SERVER = '';

/** Rules by the first component of what they are for, where that is written out. */
class RuleIndex {
  readonly #byComponent = new Map<string, CompiledRule[]>();
  readonly #others: CompiledRule[] = [];

  add(rule: CompiledRule): void {
    for (const pattern of rule.patterns) {
      const [, component] = /^([^*/]+)(?:\/|$)/.exec(pattern.text) ?? [];
      const single = { ...rule, patterns: [pattern] };
      if (component === undefined) this.#others.push(single);
      else this.#byComponent.set(component, [...(this.#byComponent.get(component) ?? []), single]);
    }
  }

  matching(repository: string): readonly CompiledRule[] {
    const [component = ''] = repository.split('/', 1);
    const candidates = [...(this.#byComponent.get(component) ?? []), ...this.#others];
    return candidates.filter(({ patterns }) => patterns.some((pattern) => isMatch(pattern, repository)));
  }
}

function isMatch(pattern: Pattern, repository: string): boolean {
  return repository === WHOLE_SERVER ? pattern.text === '**' : pattern.matchesName(repository);
}

function compile({ repositories, networks, allow }: PolicyRule): CompiledRule {
  return {
    patterns: repositories.flatMap(spellingsOf).map(parsePattern),
    networks: networks.length === 0 ? undefined : new AddressRanges(networks),
    actions: allow.reduce((sum, action) => sum | BIT[action], 0),
  };
}

/** As everywhere, a single component of Docker Hub is one of `library/`, also where we host such a name. */
export function spellingsOf(pattern: string): readonly string[] {
  const [, hub = '', single] = /^(docker\.io\/)?([^/]+)$/.exec(pattern) ?? [];
  return single === undefined || single === '**' ? [pattern] : [pattern, `${hub}library/${single}`];
}

function accountsOf({ accounts, groups }: PolicyRule, members: PolicyOptions['groups']): ReadonlySet<string> {
  return new Set([...accounts, ...groups.flatMap((group) => members.get(group) ?? [])]);
}
