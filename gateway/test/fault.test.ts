import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ask, front, rawUpstream, type Answer, type Front } from './front.ts';

// A write's whole life, cut at every byte: the upstream closes or resets the connection after so many bytes of the request, or after
// so many of its answer. It sees the request at most once, and the caller is told what is known.

const BODY = '{"container":"MSKU1234565"}';
const ANSWER = 'HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nbooked!';
const HEAD = ANSWER.indexOf('\r\n\r\n') + 4;
// What an earlier request of the same connection asks for.
const WARM = 'GET /warm ';

type Cut = 'FIN' | 'RST';

/** Where the connection ends: after so many bytes of the request have arrived, or of the answer have been sent. */
interface Fault {
  readonly during: 'request' | 'answer';
  readonly at: number;
  readonly how: Cut;
}

interface Injector {
  readonly url: string;
  /** The fault of the next write. */
  fault: Fault;
  /** What of the write arrived, by connection. */
  readonly arrived: string[];
  /** Writes that came on a connection which had carried another request. */
  kept: number;
}

function end(socket: Socket, how: Cut): void {
  if (how === 'RST') return void socket.resetAndDestroy();
  // Nothing more is read: what is still on its way is not seen.
  socket.end();
  socket.once('finish', () => socket.destroy());
}

async function injector(): Promise<Injector> {
  const state: Omit<Injector, 'url'> = {
    fault: { during: 'answer', at: ANSWER.length, how: 'FIN' },
    arrived: [],
    kept: 0,
  };
  const { url } = await rawUpstream((socket) => {
    let warm = true;
    let warmed = 0;
    const { fault } = state;
    if (fault.during === 'request' && fault.at === 0) return end(socket, fault.how);
    let text = '';
    let index = -1;
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (warm && text.startsWith(WARM)) {
        if (text.endsWith('\r\n\r\n')) {
          text = '';
          warmed = 1;
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        }
        return;
      }
      warm = false;
      const { during, at, how } = state.fault;
      if (index === -1) {
        index = state.arrived.push('') - 1;
        state.kept += warmed;
      }
      state.arrived[index] = during === 'request' ? text.slice(0, at) : text;
      if (during === 'request') {
        if (text.length >= at) end(socket, how);
      } else if (text.endsWith(BODY) || text.endsWith('0\r\n\r\n')) {
        socket.write(ANSWER.slice(0, at), 'latin1', () => end(socket, how));
      }
    });
  });
  return Object.assign(state, { url });
}

const post = (gate: Front, chunked: boolean): Promise<Answer> =>
  ask(`${gate.url}/book`, { method: 'POST', body: BODY, chunked, headers: { 'x-request-id': ID, traceparent: TRACE } });

// Ids of the same length each time: so are all the requests.
const ID = 'r'.repeat(16);
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function told(answer: Answer): unknown {
  const { code, carriedOut } = JSON.parse(answer.body.toString()) as Record<string, unknown>;
  return [answer.status, code, carriedOut];
}

const UNKNOWN = [502, 'GW_UPSTREAM_BROKEN', 'maybe'];
const NOTHING = [502, 'GW_UPSTREAM_UNREACHABLE', 'no'];

/**
 * What is wrong with what the caller of a write has heard; null when it is true. A reset may overtake what was sent before it.
 * @param answer null: the connection just ended
 */
function wrongOf({ during, at, how }: Fault, answer: Answer | null, forwarder: string): string | null {
  const head = during === 'answer' && at >= HEAD;
  const sure = head && how === 'FIN';
  // The plugin keeps a head back until the body's first bytes: cut between the two, its caller's connection just ends.
  if (answer === null)
    return forwarder === 'http-proxy' && head && !(sure && at === ANSWER.length) ? null : 'no answer at all';
  if (answer.headers['banyan-served-by'] === 'none') {
    if (sure) return 'a failure, of an answer whose head came';
    const known = JSON.stringify(told(answer));
    if (known === JSON.stringify(UNKNOWN)) return null;
    // Before the first byte the close may be seen before the request is written, or after.
    return during === 'request' && at === 0 && known === JSON.stringify(NOTHING) ? null : known;
  }
  if (!head || answer.status !== 201) return `${answer.status}, of no answer`;
  const body = answer.body.toString();
  if (!'booked!'.startsWith(body) || answer.whole !== (body === 'booked!')) return `"${body}", whole: ${answer.whole}`;
  return sure && body !== 'booked!'.slice(0, at - HEAD) ? `only "${body}"` : null;
}

describe.each([
  ['collected', 'direct'],
  ['streamed', 'direct'],
  ['collected', 'http-proxy'],
] as const)('a write whose body is %s, through %s,', (body, forwarder) => {
  describe.each(['fresh', 'kept'] as const)('on a %s connection', (connection) => {
    test.each(['FIN', 'RST'] as const)(
      'cut by a %s at any of its bytes is seen once, and told of truly',
      async (how) => {
        const upstream = await injector();
        // The breaker would keep the later ones away.
        const gate = await front(
          `version: 1\nforwarder: ${forwarder}\nupstreams: { legacy: { url: "${upstream.url}", breaker: { volume: 1000000 } } }\ndefault: legacy\n`,
        );
        const once = async (fault: Fault): Promise<Answer | null> => {
          const warm = connection === 'kept' ? (await ask(`${gate.url}/warm`)).status : 200;
          if (warm !== 200) throw new Error(`${warm} before ${JSON.stringify(fault)}`);
          upstream.arrived.length = 0;
          upstream.fault = fault;
          return post(gate, body === 'streamed').catch(() => null);
        };
        // One that goes well shows how long the request is.
        expect((await once({ during: 'answer', at: ANSWER.length, how: 'FIN' }))?.status).toBe(201);
        const length = upstream.arrived[0]?.length ?? 0;
        expect(length).toBeGreaterThan(BODY.length + 100);
        const faults: Fault[] = [
          ...Array.from({ length }, (_, index) => ({ during: 'request', at: index + 1, how }) as const),
          ...Array.from({ length: ANSWER.length + 1 }, (_, at) => ({ during: 'answer', at, how }) as const),
        ];
        for (const fault of faults) {
          const wrong = wrongOf(fault, await once(fault), forwarder);
          // At most one, whole only when it got to its end.
          const arrived = fault.during === 'request' ? fault.at : length;
          expect([fault, wrong, upstream.arrived.map((text) => text.length)]).toEqual([fault, null, [arrived]]);
        }
        // Each of them came as it should have.
        expect(upstream.kept).toBe(connection === 'kept' ? faults.length + 1 : 0);
        expect(await gate.outstanding()).toBe(0);
      },
    );
  });
});

test.each(['FIN', 'RST'] as const)(
  'a write whose connection ends by a %s before its first byte has not been seen',
  async (how) => {
    const upstream = await injector();
    const fault: Fault = { during: 'request', at: 0, how };
    upstream.fault = fault;
    const gate = await front(`version: 1\nupstreams: { legacy: "${upstream.url}" }\ndefault: legacy\n`);
    expect(wrongOf(fault, await post(gate, false), 'direct')).toBeNull();
    expect(upstream.arrived).toEqual([]);
  },
);
