import type { WebhookConfig } from './config.ts';
import type { WebhookInput } from './notify-schema.ts';
import { type ResolveContext, readSecretFile } from './resolve-endpoint.ts';
import type { Path } from './value-path.ts';

export function resolveWebhooks(inputs: readonly WebhookInput[], context: ResolveContext): WebhookConfig[] {
  return inputs.map(({ url, on, ...input }, index) => {
    const secret = resolveSecret(input, ['notify', index], context);
    if (secret === '') context.report(['notify', index], 'there is no secret to sign with; give secret or secretFile');
    return { url, on, secret: secret ?? '' };
  });
}

/** `undefined`: what is wrong with it was reported. */
function resolveSecret(
  { secret, secretFile }: Pick<WebhookInput, 'secret' | 'secretFile'>,
  at: Path,
  context: ResolveContext,
): string | undefined {
  if (secretFile === undefined) return secret;
  if (secret === '') return readSecretFile(secretFile, [...at, 'secretFile'], context);
  context.report([...at, 'secretFile'], 'there is a secret as well; keep one of the two', 'key');
  return undefined;
}
