interface InterpolationProblem {
  /** Where in the text. */
  readonly index: number;
  readonly message: string;
}

export interface Interpolated {
  /** Only good when there are no problems. */
  readonly text: string;
  readonly problems: readonly InterpolationProblem[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

const DOLLAR = /\$\$|\$\{([^{}]*)\}|\$\{/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Replaces `${NAME}` by the variable's value, `${NAME:-default}` by the default where the variable is unset or empty,
 * and `$$` by one dollar sign. What comes in is not read again. Messages name variables, never their values.
 */
export function interpolate(text: string, env: Environment): Interpolated {
  const problems: InterpolationProblem[] = [];
  const result = text.replaceAll(DOLLAR, (match: string, expression: string | undefined, index: number) => {
    if (match === '$$') return '$';
    const [, name, fallback] = VARIABLE.exec(expression ?? '') ?? [];
    if (name === undefined) {
      problems.push({ index, message: 'expected ${NAME} or ${NAME:-default} ("$$" is a dollar sign)' });
      return '';
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) {
      const message = `the environment variable ${name} is not set; set it, or write \${${name}:-} if it may be absent`;
      problems.push({ index, message });
    }
    return value ?? '';
  });
  return { text: result, problems };
}
