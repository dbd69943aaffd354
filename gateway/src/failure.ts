/** What undici says when a request fails before its answer, in our words: for `core/retry.ts`, and for the caller. */
import { errors } from 'undici';
import { CallerSlow } from './body.ts';
import type { Failed } from './core/retry.ts';
import { GatewayError } from './error.ts';
import { SoapRefused } from './soap/identify.ts';

/** The time that a request may take in all is over. */
export class Late extends GatewayError {
  constructor(name: string) {
    super('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not answer within the time that a request may take in all.`);
  }
}

/** Of a connection that ended under a request. */
const CLOSED = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/**
 * What became of the connection.
 * @param connected whether the request had one
 */
export function howFailed(error: Error, connected: boolean): Failed['how'] {
  if (isOurs(error) || cannotBeSent(error)) return 'other';
  if (CLOSED.includes(codeOf(error))) return 'closed';
  return connected ? 'other' : 'unopened';
}

/** Which upstream, what happened, and the code that callers can rely on: UNREACHABLE says that nothing was sent. */
export function failureOf(error: Error, name: string, sent: boolean): GatewayError {
  const cause = { cause: error };
  if (error instanceof GatewayError) return error;
  if (error instanceof CallerSlow)
    return new GatewayError('GW_BODY_TIMEOUT', 'The body did not arrive in time.', cause);
  if (error instanceof SoapRefused) return new GatewayError('GW_BAD_REQUEST', error.refused.reason, cause);
  if (cannotBeSent(error))
    return new GatewayError('GW_BAD_REQUEST', 'The request cannot be forwarded as it stands.', cause);
  if (error instanceof errors.ConnectTimeoutError)
    return new GatewayError('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not accept a connection in time.`, cause);
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return new GatewayError('GW_UPSTREAM_TIMEOUT', `Upstream ${name} did not answer in time.`, cause);
  if (!sent) return new GatewayError('GW_UPSTREAM_UNREACHABLE', `Upstream ${name} cannot be reached.`, cause);
  const what = CLOSED.includes(codeOf(error)) ? 'closed the connection before it answered' : 'broke off its answer';
  return new GatewayError('GW_UPSTREAM_BROKEN', `Upstream ${name} ${what}.`, cause);
}

const isOurs = (error: Error): boolean =>
  error instanceof GatewayError || error instanceof CallerSlow || error instanceof SoapRefused;

const cannotBeSent = (error: Error): boolean =>
  error instanceof errors.InvalidArgumentError || error instanceof errors.RequestContentLengthMismatchError;

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '');
