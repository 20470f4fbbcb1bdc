// As much of a GitHub Actions runner as our workflow needs: it takes the steps from the YAML itself, puts values into
// expressions, and runs each script as the real one does. Steps that `use` an action of GitHub's own are left out.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { type RunningProgram, startProgram } from '../programs/program.ts';

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

export interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[]; readonly permissions?: unknown }>>;
}

/** By the first part of an expression: `secrets.NAME`. */
export type Contexts = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Script {
  readonly name: string;
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
}

export function readYaml(file: string): unknown {
  return parse(readFileSync(file, 'utf8'));
}

/** What the steps run, with the action that is at `uses: ./wharf` in the place of that step. */
export function scriptsOf({ jobs }: Workflow, action: Action, contexts: Contexts): Script[] {
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  return steps.flatMap((step) => {
    if (step.uses !== './wharf') return scriptOf(step, contexts);
    const given = Object.entries(step.with ?? {}).map(([name, text]) => [name, evaluate(text, contexts)]);
    const defaults = Object.entries(action.inputs).map(([name, input]) => [name, input.default ?? '']);
    const inputs = Object.fromEntries([...defaults, ...given]) as Record<string, string>;
    const env = valuesOf(step.env, contexts);
    return action.runs.steps
      .flatMap((inner) => scriptOf(inner, { github: contexts['github'] ?? {}, inputs, env }))
      .map((script) => ({ ...script, env: { ...env, ...script.env } }));
  });
}

/** As `shell: bash` has it. */
export async function startScript(
  { name, run, env }: Script,
  options: { readonly workspace: string; readonly env: Readonly<Record<string, string>> },
): Promise<RunningProgram> {
  const folder = path.join(options.workspace, '..', 'scripts');
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${name.replaceAll(' ', '-')}.sh`);
  await writeFile(file, run);
  const args = ['--noprofile', '--norc', '-eo', 'pipefail', file];
  return await startProgram('bash', args, { cwd: options.workspace, env: { ...options.env, ...env } });
}

function scriptOf({ name = '', run, env }: Step, contexts: Contexts): Script[] {
  return run === undefined ? [] : [{ name, run, env: valuesOf(env, contexts) }];
}

function valuesOf(env: Step['env'], contexts: Contexts): Record<string, string> {
  return Object.fromEntries(Object.entries(env ?? {}).map(([name, text]) => [name, evaluate(text, contexts)]));
}

/** The part of the language that we use: names with dots, texts, and `||`. Throws for any other. */
function evaluate(text: string, contexts: Contexts): string {
  return text.replaceAll(/\$\{\{(.*?)\}\}/g, (_, expression: string) => {
    const values = expression.split('||').map((term) => valueOf(term.trim(), contexts));
    return values.find((value) => value !== '') ?? '';
  });
}

function valueOf(term: string, contexts: Contexts): string {
  const [, context = '', name = ''] = /^([a-z]+)\.([\w-]+)$/.exec(term) ?? [];
  const known = contexts[context];
  if (known === undefined) throw new Error(`the expression ${term} is more than is understood here`);
  return known[name] ?? '';
}
