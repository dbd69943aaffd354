/** What the server says when something is wrong: the fields of an ErrorResponse, and what they mean for the connector. */
import type { Bytes } from './bytes.ts';

export interface Report {
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
}

/** Reads the body of an ErrorResponse: fields of a letter and a text each, up to a zero. */
export function readReport(bytes: Bytes, start: number, end: number): Report {
  const fields = new Map<string, string>();
  let at = start;
  while (at < end && bytes.array[at] !== 0) {
    const stop = bytes.zero(at + 1);
    if (stop < 0 || stop >= end) break;
    fields.set(String.fromCharCode(bytes.array[at] ?? 0), bytes.utf8(at + 1, stop));
    at = stop + 1;
  }
  const detail = fields.get('D');
  return {
    code: fields.get('C') ?? '',
    message: (fields.get('M') ?? 'the server reported an error') + (detail === undefined ? '' : ` (${detail})`),
  };
}

/** What a failure of a connection to the source means. `because` is for the log. */
export type Verdict =
  | { readonly kind: 'retry'; readonly because: 'starting' | 'stopping' | 'busy' | 'lost' | 'slot-busy' | 'unknown' }
  | { readonly kind: 'fatal'; readonly because: 'unauthorised' | 'no-database' | 'privileges' };

/**
 * Whether trying again can help.
 * @param code SQLSTATE, or a code of the operating system such as ECONNREFUSED; empty when there is none
 */
export function verdictOn(code: string): Verdict {
  const known = codes[code];
  if (known !== undefined) return known;
  if (code.startsWith('28')) return { kind: 'fatal', because: 'unauthorised' };
  if (code.startsWith('08') || code.startsWith('E')) return { kind: 'retry', because: 'lost' };
  if (code.startsWith('53')) return { kind: 'retry', because: 'busy' };
  return { kind: 'retry', because: 'unknown' };
}

const codes: Readonly<Record<string, Verdict>> = {
  '57P03': { kind: 'retry', because: 'starting' }, // cannot_connect_now: starting up, in recovery
  '57P01': { kind: 'retry', because: 'stopping' }, // admin_shutdown
  '57P02': { kind: 'retry', because: 'stopping' }, // crash_shutdown
  '55006': { kind: 'retry', because: 'slot-busy' }, // object_in_use
  '3D000': { kind: 'fatal', because: 'no-database' },
  '42501': { kind: 'fatal', because: 'privileges' },
};
