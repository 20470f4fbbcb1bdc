import { UsageError } from './usage-error.ts';

/** What a name template may speak of. */
export interface TemplateValues {
  /** The full path at the upstream: `library/nginx`. */
  readonly repository: string;
  /** As the person wrote it: `nginx`, `jenkins/slave`, `ghcr.io/owner/app`. */
  readonly name: string;
  readonly tag?: string | undefined;
  readonly upstream?: string | undefined;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;
const KNOWN = new Set(['repository', 'name', 'tag', 'upstream']);

/** Throws UsageError for an unknown placeholder or an unmatched brace. */
export function checkTemplate(template: string): void {
  for (const [, key] of template.matchAll(PLACEHOLDER)) {
    if (!KNOWN.has(key ?? '')) {
      throw new UsageError(
        `the template "${template}" has {${key}}; it may use {repository}, {name}, {tag}, {upstream}`,
      );
    }
  }
  if (/[{}]/.test(template.replaceAll(PLACEHOLDER, ''))) {
    throw new UsageError(`the template "${template}" has an unmatched brace`);
  }
}

/** A template that ends in `/` is a prefix: `xxx/` means `xxx/{name}`. Throws UsageError. */
export function expandTemplate(template: string, values: TemplateValues): string {
  checkTemplate(template);
  const full = template === '' || template.endsWith('/') ? `${template}{name}` : template;
  return full.replaceAll(PLACEHOLDER, (_, key: keyof TemplateValues) => {
    const value = values[key];
    if (value === undefined) throw new UsageError(`the template "${template}" needs {${key}}, which is not known here`);
    return value;
  });
}
