import { z } from 'zod';
import * as scalars from './scalars.ts';
import { listOf, section } from './section.ts';

/** What somebody may want to be told of. */
export const NOTIFIED_EVENTS = ['finished', 'failed', 'deferred', 'lie'] as const;

const EXPECTED = `expected ${NOTIFIED_EVENTS.slice(0, -1).join(', ')} or ${NOTIFIED_EVENTS.at(-1)}`;

export const webhookSchema = section('a map with url and secret', {
  url: scalars.webhookUrl.describe('Where each document is posted to. It may hold a token, so it is never shown.'),
  secret: scalars.text.prefault('').describe('What the body is signed with; better a variable than the thing itself.'),
  secretFile: scalars.path.optional().describe('A file whose content is the secret; the line end after it is dropped.'),
  on: listOf('events', z.enum(NOTIFIED_EVENTS, { error: EXPECTED }))
    .min(1, { error: 'expected at least one event' })
    .prefault([...NOTIFIED_EVENTS])
    .describe('What is told: runs that finished, failed or were deferred, and mirrors that were caught with a lie.'),
});

export type WebhookInput = z.output<typeof webhookSchema>;
