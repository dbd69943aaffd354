/**
 * One line of the access log: what was asked and by whom, what was decided, in the words of `banyan explain`, and how long each
 * part of it took. Made only for requests that are logged.
 *
 * No query, no body, and of the fields only those that an operator has named (`redact.ts`): a log is read by more people than may
 * see what callers send.
 */
import { Upload } from './body.ts';
import type { Decision } from './core/decide.ts';
import type { Exchange, Outcome } from './exchange.ts';
import { cut, shown } from './redact.ts';

// A path is for telling routes apart; a caller may send one of 80 KiB.
const MAX_PATH = 1_024;

/** @param ended on the clock of `performance.now()` */
export function account(
  exchange: Exchange,
  { side, because, status, code }: Outcome,
  logHeaders: readonly string[],
  ended: number,
): Readonly<Record<string, unknown>> {
  const { decision, marks } = exchange;
  const headers = shown(exchange.req.rawHeaders, logHeaders);
  return {
    requestId: exchange.requestId,
    traceId: exchange.traceparent.slice(3, 35),
    caller: exchange.address,
    method: cut(exchange.method),
    path: cut(exchange.path, MAX_PATH),
    status,
    ...(code === null ? {} : { code }),
    route: exchange.route,
    side,
    because,
    decision,
    fellBack: hasFallenBack(decision, because),
    upstream: marks.url === '' ? null : marks.url,
    bytes: { in: bytesIn(exchange), out: marks.bytesOut },
    ms: phases(exchange, ended),
    ...(headers === null ? {} : { headers }),
  };
}

/** Whether another answered, or failed to, than the one who was meant to: a fallback has a reason of its own. */
function hasFallenBack(decision: Decision | null, because: string): boolean {
  return decision?.kind === 'forward' && decision.fallback?.because === because;
}

/** Of the body, as far as it is known: of one whose length was not announced, what has come. */
function bytesIn({ seen, incoming }: Exchange): number | null {
  if (incoming instanceof Upload) return incoming.bytes;
  if (seen.contentLength !== null) return Number(seen.contentLength);
  return seen.chunked ? null : 0;
}

/**
 * In milliseconds, null for a part that was not come to. `wait` ends when a connection to the upstream was to be had: it holds the
 * reading of a small body, the decision, and earlier attempts. `head` ends with the head of the answer, `body` with its end.
 */
function phases({ started, marks }: Exchange, ended: number): Readonly<Record<string, number | null>> {
  const { connected, head } = marks;
  return {
    wait: connected === 0 ? null : rounded(connected - started),
    head: head === 0 ? null : rounded(head - connected),
    body: head === 0 ? null : rounded(ended - head),
    total: rounded(ended - started),
  };
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;
