// Matches a regular expression as Thompson did: all ways through it at once, one character after the other. Whatever the
// expression and the text, that takes no more than their lengths multiplied; JavaScript's own may take for ever, and
// tags come from outside.
import { type Node, parseRegExp } from './syntax.ts';

type Step =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'start' | 'end' | 'accept' }
  | { readonly kind: 'split'; readonly to: number[] };

const MAX_SOURCE = 200;
const MAX_STEPS = 2_000;

export class LinearRegExp {
  readonly #steps: readonly Step[];

  /** Throws SyntaxError. */
  constructor(source: string) {
    if (source.length > MAX_SOURCE) throw new SyntaxError(`it has more than ${MAX_SOURCE} characters`);
    this.#steps = [...compile(parseRegExp(source)), { kind: 'accept' }];
  }

  /** Whether it matches some part of the text; `^` and `$` are the text's own start and end. */
  test(text: string): boolean {
    let active = new Set<number>();
    for (let at = 0; ; at += 1) {
      // It may begin anywhere.
      if (this.#enter(0, active, at, text.length)) return true;
      if (at >= text.length) return false;
      const character = text.charAt(at);
      const next = new Set<number>();
      for (const index of active) {
        const step = this.#steps[index];
        if (step?.kind !== 'character' || !step.matches(character)) continue;
        if (this.#enter(index + 1, next, at + 1, text.length)) return true;
      }
      active = next;
    }
  }

  /** Adds the step, and all that can be reached from it without a character. Whether that is the end. */
  #enter(first: number, active: Set<number>, at: number, length: number): boolean {
    const pending = [first];
    for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
      if (active.has(index)) continue;
      active.add(index);
      const step = this.#steps[index];
      if (step === undefined || step.kind === 'accept') return true;
      if (step.kind === 'split') pending.push(...step.to.map((offset) => index + offset));
      else if (step.kind === 'start' ? at === 0 : step.kind === 'end' && at === length) pending.push(index + 1);
    }
    return false;
  }
}

/** Where a split leads is told by offsets, so that parts can be put anywhere. */
function compile(node: Node): Step[] {
  const steps = stepsOf(node);
  if (steps.length > MAX_STEPS) throw new SyntaxError('its repetitions make it too long');
  return steps;
}

function stepsOf(node: Node): Step[] {
  switch (node.kind) {
    case 'character':
    case 'start':
    case 'end':
      return [node];
    case 'sequence':
      return node.parts.flatMap(compile);
    case 'choice':
      return node.parts.map(compile).reduceRight(choose);
    case 'repeat':
      return repeat(compile(node.part), node.min, node.max);
  }
}

function choose(others: readonly Step[], part: readonly Step[]): Step[] {
  return [{ kind: 'split', to: [1, part.length + 2] }, ...part, { kind: 'split', to: [others.length + 1] }, ...others];
}

function repeat(part: readonly Step[], min: number, max: number): Step[] {
  if (part.length * Math.max(min, max === Infinity ? 1 : max) > MAX_STEPS) {
    throw new SyntaxError('its repetitions make it too long');
  }
  const required = Array.from({ length: min }, () => part).flat();
  const optional: Step[] = [{ kind: 'split', to: [1, part.length + 1] }, ...part];
  if (max !== Infinity) return [...required, ...Array.from({ length: max - min }, () => optional).flat()];
  return [...required, { kind: 'split', to: [1, part.length + 2] }, ...part, { kind: 'split', to: [-part.length - 1] }];
}
