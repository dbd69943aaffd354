/**
 * How a SOAP message is taken in until it can be said what it calls: a short one whole; of a long one its start, in the turn in which
 * that comes; and step by step one that is compressed, or whose sender waits for leave to send.
 */
import { collect } from '../body.ts';
import { fieldOf } from '../core/flat.ts';
import { LIMITS } from '../core/soap/limits.ts';
import type { Service } from '../core/soap/service.ts';
import type { Exchange } from '../exchange.ts';
import { waits } from '../expectation.ts';
import { identify, identifyWhole, open, Opening, type Identified, type IdentifyOptions } from './identify.ts';
import { tap } from './tap.ts';

export interface Asking {
  readonly known: Service;
  readonly asking: IdentifyOptions;
}

/** Who is told, once; of a fault of ours by `failed`. */
export interface Told {
  /** Does not throw. */
  readonly settle: (found: Identified) => void;
  readonly failed: (error: unknown) => void;
}

type Incoming = Pick<Exchange, 'req' | 'seen' | 'method'>;

export function intake(exchange: Incoming, wanted: Asking, told: Told): void {
  const { req, seen, method } = exchange;
  if (waits(req) || fieldOf(req.rawHeaders, 'content-encoding') !== null) {
    const { known, asking } = wanted;
    identify({ method, rawHeaders: req.rawHeaders, body: req }, known, asking).then(told.settle).catch(told.failed);
  } else if (!seen.chunked && Number(seen.contentLength ?? 0) <= LIMITS.wholeBytes) readWhole(exchange, wanted, told);
  else readStart(exchange, wanted, told);
}

/** Nine in ten messages. */
function readWhole({ req, seen }: Incoming, { known, asking }: Asking, { settle, failed }: Told): void {
  collect(req, seen, asking.timeoutMs, (body) => {
    if (body.kind === 'gone') return settle({ kind: 'departed' });
    const bytes = body.kind === 'whole' ? body.bytes : body.kind === 'slow' ? null : EMPTY;
    let found: Identified;
    try {
      found = identifyWhole({ rawHeaders: req.rawHeaders, bytes }, known, asking);
    } catch (error) {
      return failed(error);
    }
    settle(found);
  });
}

const EMPTY = Buffer.alloc(0);

/** Read as far as it takes to know its operation. */
function readStart({ req }: Incoming, { known, asking }: Asking, { settle }: Told): void {
  const opened = open(req.rawHeaders, known, asking);
  if (opened.kind === 'refused') return settle(opened);
  const opening = new Opening(opened, known, asking);
  tap<Identified>(
    req,
    asking.timeoutMs,
    {
      take: (chunk) => now(opening.take(chunk)),
      end: () => now(opening.end()),
      slow: () => opening.slow(),
      gone: () => ({ kind: 'departed' }),
    },
    settle,
  );
}

function now<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new TypeError('a message that is judged later');
  return value;
}
