/** What a connection says when a request fails, in our words: for `core/retry.ts`, and for the caller. */
import { CallerSlow } from './body.ts';
import type { Failed } from './core/retry.ts';
import { GatewayError } from './error.ts';
import { SoapRefused } from './soap/passage.ts';
import { WireError, type Trouble } from './wire/call.ts';

/** The time that a request may take in all is over. */
export class Late extends GatewayError {
  constructor(name: string) {
    super('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not answer within the time that a request may take in all.`);
  }
}

/** What became of the connection. */
export function howFailed(error: Error): Failed['how'] {
  switch (troubleOf(error)) {
    case 'closed':
      return 'closed';
    case 'unopened':
    case 'unopened-late':
      return 'unopened';
    default:
      return 'other';
  }
}

/** Whether no connection was free: what keeps them busy is counted by itself. */
export const isCrowded = (error: Error): boolean => troubleOf(error) === 'busy';

/** Which upstream, what happened, and the code that callers can rely on: UNREACHABLE says that nothing was sent. */
export function failureOf(error: Error, name: string, sent: boolean): GatewayError {
  const cause = { cause: error };
  if (error instanceof GatewayError) return error;
  if (error instanceof CallerSlow)
    return new GatewayError('GW_BODY_TIMEOUT', 'The body did not arrive in time.', cause);
  if (error instanceof SoapRefused) return new GatewayError('GW_BAD_REQUEST', error.refused.reason, cause);
  const of = (code: 'GW_BAD_REQUEST' | 'GW_UPSTREAM_TIMEOUT' | 'GW_UPSTREAM_BROKEN', what: string): GatewayError =>
    new GatewayError(code, what, cause);
  switch (troubleOf(error)) {
    case 'unsendable':
      return of('GW_BAD_REQUEST', 'The request cannot be forwarded as it stands.');
    case 'unopened-late':
      return of('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not accept a connection in time.`);
    case 'busy':
      return of('GW_UPSTREAM_TIMEOUT', `Upstream ${name} has no connection free.`);
    case 'late-head':
    case 'late-body':
      return of('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not answer in time.`);
    case 'closed':
      if (sent) return of('GW_UPSTREAM_BROKEN', `Upstream ${name} closed the connection before it answered.`);
      break;
    case 'garbled':
      return of('GW_UPSTREAM_BROKEN', `Upstream ${name} broke off its answer.`);
    default:
      if (sent) return of('GW_UPSTREAM_BROKEN', `Upstream ${name} broke off its answer.`);
  }
  return new GatewayError('GW_UPSTREAM_UNREACHABLE', `Upstream ${name} cannot be reached.`, cause);
}

const troubleOf = (error: Error): Trouble | null => (error instanceof WireError ? error.trouble : null);
