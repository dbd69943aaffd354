/**
 * Upgrades (WebSocket and any other protocol): the facade passes the request on, and once the upstream has agreed it joins the
 * two sockets and reads nothing of what goes through (docs/adr/0006). Decided like every other request.
 *
 * Promises: one answer on every path; a caller who leaves frees the upstream; what one side has sent before it closed arrives at
 * the other; when one side has gone the other does not stay for long.
 */
import { request as httpRequest, ServerResponse, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { decide, type Forwarding } from './core/decide.ts';
import { homeward, printable, type Fields } from './core/field.ts';
import { without } from './core/flat.ts';
import { rehome, withHost } from './core/home.ts';
import { flawOf } from './core/hygiene.ts';
import { match, type Matched } from './core/match.ts';
import { inTurn, isShut } from './door.ts';
import { codes, type Code } from './error.ts';
import { Exchange } from './exchange.ts';
import { askedOf, borrow, known, publicUrlOf, type Context } from './obey.ts';
import { headersOf, targetOf } from './outgoing.ts';
import { Moment } from './moment.ts';
import { headText, sendRawProblem, type Refusal } from './problem.ts';
import type { Member } from './member.ts';
import type { Server } from './upstream.ts';

export interface Upgrade {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  /** The first bytes that the caller sent behind its request. */
  readonly head: Buffer;
}

// A peer that vanished without a word is found out by the kernel, after this and its probes.
const PROBE_AFTER_MS = 60_000;
// A client that does not wait for the answer sends its first messages; one that sends more may wait.
const MAX_EARLY_BYTES = 64 * 1024;
// Time for the rest of one direction once the other has ended: longer than any close handshake.
const HALF_CLOSED_MS = 30_000;

/** Passes one upgrade on, or gives the request back to the server where it is none that can be. */
export function tunnel(upgrade: Upgrade, context: Context): void {
  if (isShut(upgrade.req)) return void upgrade.socket.resume();
  const early = new Early(upgrade);
  // Node tells of an upgrade at once, even while earlier requests of the connection wait for their answers.
  inTurn(upgrade.socket, null, () =>
    isUpgrade(upgrade.req) ? enter(upgrade, early, context) : asRequest(upgrade, early),
  );
}

function enter(upgrade: Upgrade, early: Early, context: Context): void {
  const { req, socket } = upgrade;
  const generation = context.generations.current;
  // There is no response object for an upgrade; this one only gives the exchange something to hold.
  const exchange = new Exchange(req, new ServerResponse(req), req.url ?? '/', {
    generation,
    observer: context.observer,
  });
  const flaw = flawOf(exchange.seen, req.httpVersion);
  if (flaw !== null)
    return turnAway(exchange, socket, { code: 'GW_BAD_REQUEST', detail: flaw, retryAfterSeconds: null }, 'bad-request');
  const matched = match(generation.matcher, exchange.method, exchange.path);
  exchange.route = matched?.route.id ?? 'default';
  const moment = new Moment(context.generations.fleet);
  const decision = decide(generation.table, matched?.route ?? null, askedOf(exchange, matched), moment);
  exchange.decision = decision;
  if (decision.kind === 'refuse') {
    if (moment.withheld) context.observer.metrics.withheld(exchange.route, decision.because);
    const { code, reason: detail, retryAfterSeconds, because } = decision;
    return turnAway(exchange, socket, { code, detail, retryAfterSeconds }, because);
  }
  if (decision.because === 'breaker-open') borrow(exchange, context, decision);
  pass({ upgrade, exchange, context, matched, early }, decision);
}

/**
 * What the caller sends before the upstream has agreed. It is read, because a connection that nobody reads does not tell that
 * its other end has closed.
 */
class Early {
  readonly #socket: Socket;
  readonly #chunks: Buffer[];
  #bytes = 0;

  constructor({ socket, head }: Upgrade) {
    this.#socket = socket;
    this.#chunks = [head];
    socket.on('data', this.#onData);
    // Who has no more to say to a protocol that has not begun has left.
    socket.once('end', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_EARLY_BYTES) this.#socket.pause();
  };

  readonly #onEnd = (): void => void this.#socket.destroy();

  /** Stops reading; what has come so far. */
  take(): Buffer {
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).pause();
    return Buffer.concat(this.#chunks);
  }
}

/**
 * What is passed on as an upgrade: a GET without a body. A server may ignore the wish (RFC 9110, section 7.8), must in HTTP/1.0,
 * and does with h2c, which clients send with any request, and which means a protocol between two neighbours (RFC 9113, section 3.1).
 */
function isUpgrade({ method, headers, httpVersion }: IncomingMessage): boolean {
  const bodiless = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  return httpVersion === '1.1' && method === 'GET' && bodiless && !/\bh2c\b/i.test(headers.upgrade ?? '');
}

const OF_THE_WISH: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);
// Each leaves some listeners behind on the connection. Clients that offer HTTP/2 do so once on each.
const MAX_REPEATS = 100;
const repeats = new WeakMap<Socket, number>();

/** Has the server read the same request again, without its `Upgrade`: node treats every request that has one as an upgrade. */
function asRequest({ req, socket }: Upgrade, early: Early): void {
  const fields = without(req.rawHeaders, OF_THE_WISH);
  const count = (repeats.get(socket) ?? 0) + 1;
  repeats.set(socket, count);
  if (count === MAX_REPEATS) fields.push('connection', 'close');
  const line = `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n`;
  const text = headText(0, '', fields);
  socket.unshift(Buffer.concat([Buffer.from(line + text.slice(text.indexOf('\r\n') + 2), 'latin1'), early.take()]));
  const { server } = socket as Socket & { server?: NodeJS.EventEmitter };
  if (server === undefined) return void socket.destroy();
  server.emit('connection', socket);
  // It was paused on purpose, which a new listener does not undo.
  socket.resume();
}

interface Job {
  readonly upgrade: Upgrade;
  readonly exchange: Exchange;
  readonly context: Context;
  readonly matched: Matched | null;
  readonly early: Early;
}

function pass(job: Job, decision: Forwarding): void {
  const { exchange, context, upgrade } = job;
  const server = context.generations.fleet.get(decision.upstream);
  const say = (code: 'GW_NO_UPSTREAM' | 'GW_OVERLOADED', detail: string, because: string): void =>
    turnAway(
      exchange,
      upgrade.socket,
      { code, detail, retryAfterSeconds: code === 'GW_OVERLOADED' ? 1 : null },
      because,
    );
  if (server === undefined)
    return say('GW_NO_UPSTREAM', `Upstream ${decision.upstream} is not in the routing table.`, decision.because);
  if (server.full)
    return say('GW_OVERLOADED', `Upstream ${decision.upstream} has as many requests as it may have.`, 'overloaded');
  join(job, decision, server);
}

/** @param tried URLs to which no connection could be opened */
function join(job: Job, decision: Forwarding, server: Server, tried: readonly Member[] = []): void {
  const { exchange, early } = job;
  const { socket } = job.upgrade;
  const { side, because } = decision;
  const settle = server.breaker.begin();
  const member = (tried.length === 0 ? null : server.other(tried)) ?? server.pick();
  server.hold();
  member.begin();
  let over = false;
  /** @returns whether this was the first end of it */
  const finish = (outcome: 'success' | 'failure' | 'abandoned'): boolean => {
    if (over) return false;
    over = true;
    socket.off('close', onGone);
    settle(outcome);
    if (outcome === 'success') server.answered(member);
    member.end();
    server.release();
    return true;
  };
  const asking = ask(job, decision, { member, server });
  const onGone = (): void => {
    if (finish('abandoned')) exchange.end({ side, because: 'abandoned', status: 499, code: null });
    asking.destroy();
  };
  socket.once('close', onGone);
  if (socket.destroyed) onGone();
  asking.on('error', (error) => {
    const been = [...tried, member];
    const unopened = !opened.has(asking);
    // Nothing was sent: another URL may have it.
    const moves = unopened && server.other(been) !== null;
    if (!finish(moves ? 'abandoned' : 'failure')) return;
    if (unopened || !(error instanceof Late)) server.broke(member);
    if (!moves) return fail(job, decision, error);
    server.again('elsewhere');
    join(job, decision, server, been);
  });
  asking.once('upgrade', (answer, upstream, first) => {
    if (!finish('success')) return upstream.destroy();
    agree(job, decision, server, answer);
    if (first.length > 0) socket.write(first);
    upstream.write(early.take());
    splice(socket, upstream as Socket);
  });
  asking.once('response', (answer) => {
    const status = answer.statusCode ?? 502;
    if (status < 200) return garbled(asking, answer);
    if (!finish(status >= 500 ? 'failure' : 'success')) return void answer.destroy();
    socket.setTimeout(job.context.idleMs, () => socket.destroy());
    answer.setTimeout(server.upstream.timeout.bodyMs, () => answer.destroy());
    early.take();
    decline(
      answer,
      socket,
      headOf(answer, exchange.own(side, because), ['connection', 'close'], rehomed(job, server, answer)),
    );
    exchange.end({ side, because, status, code: null });
  });
  asking.end();
}

function agree(job: Job, { side, because }: Forwarding, server: Server, answer: IncomingMessage): void {
  const { exchange, upgrade } = job;
  const last = ['connection', 'Upgrade', 'upgrade', answer.headers.upgrade ?? ''];
  upgrade.socket.write(headOf(answer, exchange.own(side, because), last, rehomed(job, server, answer)), 'latin1');
  exchange.end({ side, because, status: answer.statusCode ?? 101, code: null });
}

/** Node tells of 1xx by another event: a status below is none. */
function garbled(asking: ClientRequest, answer: IncomingMessage): void {
  answer.destroy();
  asking.emit('error', new Garbled(`an answer with status ${answer.statusCode ?? 0}`));
}

class Late extends Error {
  /** Whether there was a connection, on which the request may have gone. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean) {
    super(message);
    this.sent = sent;
  }
}

/** Requests that have a connection. */
const opened = new WeakSet<ClientRequest>();

class Garbled extends Error {}

function ask(
  { upgrade: { req }, exchange, matched }: Job,
  { side }: Forwarding,
  { member, server }: { readonly member: Member; readonly server: Server },
): ClientRequest {
  exchange.marks.url = member.url;
  const { timeout } = server.upstream;
  const origin = new URL(member.url);
  const fields = headersOf(exchange, matched?.route ?? null, side);
  const send = origin.protocol === 'https:' ? httpsRequest : httpRequest;
  const asking = send({
    hostname: origin.hostname.replace(/^\[|\]$/g, ''),
    port: origin.port,
    method: req.method,
    path: targetOf(exchange, matched, side),
    headers: [
      ...(member.host === null ? fields : withHost(fields, member.host)),
      'connection',
      'upgrade',
      'upgrade',
      req.headers.upgrade ?? '',
    ],
    setHost: false,
    agent: false,
  });
  let timer = setTimeout(() => asking.destroy(new Late('no connection in time', false)), timeout.connectMs);
  asking.once('socket', (socket: Socket) => {
    socket.once('connect', () => {
      opened.add(asking);
      clearTimeout(timer);
      timer = setTimeout(() => asking.destroy(new Late('no answer in time', true)), timeout.headersMs);
    });
  });
  for (const event of ['upgrade', 'response', 'close']) asking.once(event, () => clearTimeout(timer));
  return asking;
}

function fail(job: Job, decision: Forwarding, error: Error): void {
  const { exchange, context, upgrade } = job;
  const { fallback, upstream } = decision;
  if (fallback !== null && borrow(exchange, context, fallback))
    return pass(job, { kind: 'forward', ...fallback, fallback: null, also: null });
  job.early.take();
  const refusal = refusalFor(error, upstream);
  // With a fallback at hand, it was withheld: there may be one to spare in a moment.
  turnAway(
    exchange,
    upgrade.socket,
    fallback === null ? refusal : { ...refusal, retryAfterSeconds: 1 },
    decision.because,
  );
}

function refusalFor(error: Error, upstream: string): Refusal {
  if (error instanceof Late)
    return refusalOf('GW_UPSTREAM_TIMEOUT', `Upstream ${upstream} did not answer in time.`, error.sent);
  const reason = 'code' in error ? String(error.code) : '';
  // Node's parser, and a connection that ended before an answer.
  if (error instanceof Garbled || reason.startsWith('HPE_') || reason === 'ECONNRESET' || reason === 'EPIPE')
    return refusalOf('GW_UPSTREAM_BROKEN', `Upstream ${upstream} broke off its answer.`, true);
  return refusalOf('GW_UPSTREAM_UNREACHABLE', `Upstream ${upstream} cannot be reached.`, false);
}

function refusalOf(code: Code, what: string, sent: boolean): Refusal {
  return { code, detail: `${what} ${known(sent)}`, retryAfterSeconds: null, carriedOut: sent ? 'maybe' : 'no' };
}

/** The upstream declined: its answer is the caller's, and the connection ends with it. */
function decline(answer: IncomingMessage, socket: Socket, head: string): void {
  socket.write(head, 'latin1');
  answer.pipe(socket);
  answer.on('error', () => socket.destroy());
  answer.once('close', () => {
    // Cut short it must not look whole.
    if (answer.complete) limitRest(socket);
    else socket.destroy();
  });
  socket.once('close', () => answer.destroy());
  // Whatever the caller sends on is not for anybody, but its end is that it has left.
  socket.once('end', () => socket.destroy()).resume();
}

/** Joins two connections until both have ended. */
function splice(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.setTimeout(0);
    from.setNoDelay(true);
    from.setKeepAlive(true, PROBE_AFTER_MS);
    from.on('error', () => to.destroy());
    from.once('end', () => limitRest(to));
    from.once('close', () => {
      // Ended in order: `pipe` has ended the other, which may still have bytes to deliver.
      if (!from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}

function limitRest(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), HALF_CLOSED_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function rehomed({ exchange, context }: Job, { home }: Server, { rawHeaders }: IncomingMessage): Fields {
  return home === null ? rawHeaders : rehome(rawHeaders, home, publicUrlOf(exchange, context));
}

function headOf(
  { statusCode = 502, statusMessage = '' }: IncomingMessage,
  own: Fields,
  last: Fields,
  raw: Fields,
): string {
  const ours = [...own.filter((part, at) => part !== 'connection' && own[at - 1] !== 'connection'), ...last];
  // RFC 9110, section 8.6: a length beside a 101 is a mistake, and a caller who believed it would be wrong about what follows.
  const fields = statusCode === 101 ? raw.filter((_part, at) => !isLength(raw[at - (at % 2)])) : raw;
  return headText(statusCode, printable(statusMessage), homeward(fields, ours));
}

const isLength = (name: string | undefined): boolean => name?.toLowerCase() === 'content-length';

function turnAway(exchange: Exchange, socket: Socket, refusal: Refusal, because: string): void {
  sendRawProblem(socket, refusal, exchange.own('none', because));
  exchange.end({ side: 'none', because, status: codes[refusal.code].status, code: refusal.code });
}
