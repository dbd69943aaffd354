/**
 * The facade's own answers to REST callers: RFC 9457 problem details with a stable code.
 */
import type { ServerResponse } from 'node:http';
import { codes, type Code } from './error.ts';
import type { Fields } from './core/field.ts';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Content Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

export interface Refusal {
  readonly code: Code;
  /** A sentence for the caller. */
  readonly detail: string;
  readonly retryAfterSeconds: number | null;
  /** What went wrong underneath, for pipelines that can say more of it. */
  readonly cause?: unknown;
}

/** Answers with a problem; does nothing when an answer has begun or the caller has left. `own` fields are appended. */
export function sendProblem(res: ServerResponse, refusal: Refusal, own: Fields): void {
  if (res.headersSent || res.destroyed) return;
  const { status } = codes[refusal.code];
  const body = Buffer.from(
    JSON.stringify({
      type: 'about:blank',
      title: TITLES[status] ?? 'Error',
      status,
      detail: refusal.detail,
      code: refusal.code,
    }),
  );
  const fields = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
  ];
  if (refusal.retryAfterSeconds !== null) fields.push('retry-after', String(refusal.retryAfterSeconds));
  res.writeHead(status, [...fields, ...own]);
  res.end(res.req.method === 'HEAD' ? undefined : body);
}
