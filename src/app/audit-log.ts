import type { RequestLine } from '../http/exchange.ts';
import type { Log, LogFields } from '../observe/log.ts';
import { printable } from '../remote/printable.ts';

/** Of the admin listener nobody has looked at the reference yet. */
const MAX_REFERENCE = 300;
const CHANGES: ReadonlySet<string> = new Set(['push', 'fill', 'delete']);
/** What a blob that is pushed alone changes, nobody sees before a manifest names it. */
const CHANGED: ReadonlySet<string> = new Set(['manifest', 'blob']);

/** Who changed what, or tried to: a line beside that of the request. */
export function auditRequest(log: Log, line: RequestLine): void {
  const { action = '' } = line.facts;
  if (CHANGES.has(action) && CHANGED.has(line.route ?? '')) audit(log, line);
}

/** The same for what the admin listener was asked to do. */
export function auditAdminRequest(log: Log, line: RequestLine): void {
  if (line.facts.action !== undefined) audit(log, line);
}

function audit(log: Log, line: RequestLine): void {
  const { id, status, remoteAddress, facts } = line;
  const { account, token, client = remoteAddress, action, repository, reference, digest, job } = facts;
  // It is told how to log in, and comes again.
  if (status === 401 && account === undefined) return;
  const fields: LogFields = {
    id,
    account,
    token,
    client,
    action,
    repository,
    reference: reference === undefined ? undefined : printable(reference.slice(0, MAX_REFERENCE)),
    digest,
    job,
    outcome: outcomeOf(status),
  };
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  log.info('audit', Object.fromEntries(known));
}

/** A client that left before its answer was told nothing, whatever became of what it wanted. */
function outcomeOf(status: number): string {
  if (status < 400) return 'done';
  if (status === 499) return 'unknown';
  return status < 500 ? 'refused' : 'failed';
}
