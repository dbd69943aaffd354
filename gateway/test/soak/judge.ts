/**
 * What to think of an answer: it is right, or it fails clearly, or it is wrong. Knows what the upstreams were told to do, and
 * which of them may have answered.
 */
import { createHash } from 'node:crypto';
import { point } from '@banyan/gateway/core/canary';
import { textOf } from './answer.mjs';
import type { Asked, Route } from './asked.ts';
import type { Got } from './connection.ts';
import type { Side, Who } from './side.ts';

export type Verdict =
  | { readonly kind: 'right' }
  /** A refusal of the facade's own. */
  | { readonly kind: 'failed'; readonly code: string }
  /** The connection ended, and there was a reason. */
  | { readonly kind: 'cut' }
  | { readonly kind: 'wrong'; readonly why: string };

/** Between which moments it was under way, on the clock of `performance.now()`. */
export interface While {
  readonly from: number;
  readonly to: number;
  /** Whether an earlier answer of the connection was cut, so that this one cannot come. */
  readonly behindCut?: boolean;
}

export const CANARY = 0.5;
export const COHORT = 'soak';

const wrong = (why: string): Verdict => ({ kind: 'wrong', why });

export function judge(asked: Asked, got: Got, sides: readonly Side[], { from, to, behindCut = false }: While): Verdict {
  switch (got.kind) {
    case 'silence':
      return wrong('no answer in time');
    case 'nonsense':
      return wrong(`no HTTP: ${got.why}`);
    case 'cut':
      if (behindCut || mayBeCut(asked) || sides.some((side) => side.troubled(from, to))) return { kind: 'cut' };
      return wrong(`cut at ${got.at}, and nobody failed`);
    case 'answer': {
      const { fields } = got;
      if (fields.get('x-request-id') !== asked.id) return wrong(`the answer to ${fields.get('x-request-id')}`);
      return fields.get('banyan-served-by') === 'none' ? refusal(asked, got) : answer(asked, got);
    }
    default:
      return got satisfies never;
  }
}

/** Whether an upstream was told something that may break off an answer. */
const mayBeCut = ({ scripts }: Asked): boolean =>
  [scripts.legacy, scripts.orders].some(({ fault, at }) =>
    // A connection that is reset takes with it what of its last answer has not been read.
    fault === 'close-idle' ? at < RESET_BELOW : !['none', 'error', 'two', 'short'].includes(fault),
  );

/** Of `close-idle`, by the script's `at`: connections that are reset rather than closed. */
const RESET_BELOW = 0.25;

type Answer = Extract<Got, { kind: 'answer' }>;

// What only a request that is at fault itself, or a mistake of the facade, is told.
const NEVER = /^GW_(?:INTERNAL|BAD_|NO_UPSTREAM|HEAD_|BODY_|HELD|GONE|FILE)/;

function refusal(asked: Asked, { status, fields, body }: Answer): Verdict {
  const type = fields.get('content-type') ?? '';
  const because = fields.get('banyan-because') ?? '';
  if (status < 400) return wrong(`${status} by nobody`);
  if (asked.route === 'soap-bad')
    return body.includes('Fault>') ? { kind: 'failed', code: 'fault' } : wrong('no fault');
  if (asked.method === 'HEAD') return expected(asked, `HEAD ${status}`, because);
  if (asked.route.startsWith('soap')) {
    const code = /GW_[A-Z_]+/.exec(body.toString())?.[0];
    return code === undefined || !type.includes('xml')
      ? wrong(`no fault: ${body.toString()}`)
      : expected(asked, code, because);
  }
  const problem = type.startsWith('application/problem+json') ? (JSON.parse(body.toString()) as unknown) : null;
  if (typeof problem !== 'object' || problem === null || !('code' in problem) || !('status' in problem))
    return wrong(`no problem: ${type} ${body.toString().slice(0, 200)}`);
  return problem.status === status ? expected(asked, String(problem.code), because) : wrong('a status that differs');
}

function expected({ route }: Asked, code: string, because: string): Verdict {
  const fixed = route === 'held' || route === 'gone';
  if (fixed) return because === route ? { kind: 'failed', code: `GW_${route.toUpperCase()}` } : wrong(code);
  return NEVER.test(code) ? wrong(code) : { kind: 'failed', code };
}

function answer(asked: Asked, got: Answer): Verdict {
  const { status, fields, body } = got;
  const side = fields.get('banyan-served-by') ?? '';
  const because = fields.get('banyan-because') ?? '';
  if (side !== 'legacy' && side !== 'new') return wrong(`served by ${side}`);
  if (!mayServe(asked, side, because)) return wrong(`served by ${side} because ${because}`);
  const who: Who = side === 'legacy' ? 'legacy' : 'orders';
  const script = asked.scripts[who];
  if (script.fault === 'scrap') return { kind: 'right' };
  if (fields.get('x-soak-id') !== asked.id) return wrong(`the answer to ${fields.get('x-soak-id')}`);
  if (fields.get('x-soak-who') !== who) return wrong(`${fields.get('x-soak-who')} as ${side}`);
  const said = script.fault === 'error' ? 503 : script.shape === 'empty' && plain(script.fault) ? 204 : 200;
  if (status !== said) return wrong(`${status} instead of ${said}`);
  if (
    asked.method === 'HEAD'
      ? body.length > 0
      : body.toString('latin1') !== textOf(who, asked.id, said === 204 ? 0 : script.size)
  )
    return wrong(`another body, of ${body.length} bytes: ${body.subarray(0, 80).toString('latin1')}`);
  const sent = fields.get('x-soak-got');
  if (sent !== undefined && sent !== digestOf(asked.body)) return wrong(`the body that arrived is another: ${sent}`);
  if (sent === undefined && asked.body !== null && script.shape !== 'early' && script.fault === 'none')
    return wrong('no receipt');
  return { kind: 'right' };
}

/** Whether an answer is made as its shape says. */
const plain = (fault: string): boolean => ['none', 'close-idle', 'error'].includes(fault);

const digestOf = (body: Buffer | null): string =>
  `${body?.length ?? 0}:${createHash('sha1')
    .update(body ?? '')
    .digest('hex')}`;

/** Whether this side may have answered. Reads that new cannot answer are legacy's where the stage lets them. */
function mayServe(asked: Asked, side: 'legacy' | 'new', because: string): boolean {
  const fellBack = side === 'legacy' && !asked.write && ['breaker-open', 'unreachable'].includes(because);
  switch (asked.route) {
    case 'legacy':
    case 'shadow':
    case 'other':
      return side === 'legacy';
    case 'new':
    case 'soap':
    case 'soap-write':
    case 'ws':
      return side === 'new' || fellBack;
    case 'canary':
      return point(COHORT, asked.customer) < CANARY ? side === 'new' || fellBack : side === 'legacy';
    case 'retired':
      return side === 'new';
    case 'owner':
      return side === (asked.target.startsWith('/owner/l') ? 'legacy' : 'new');
    case 'flip':
      return true;
    case 'soap-bad':
      // Of operations that the description does not have: the default's.
      return because === 'default';
    case 'held':
    case 'gone':
      return false;
    default:
      return asked.route satisfies never;
  }
}

/** What the facade says when it has not passed a request on. */
export const UNSENT: ReadonlySet<string> = new Set([
  'GW_HELD',
  'GW_GONE',
  'GW_BREAKER_OPEN',
  'GW_OVERLOADED',
  'GW_UPSTREAM_UNREACHABLE',
]);

export type { Route };
