/**
 * Upgrades (WebSocket and any other protocol): the facade passes the request on, and once the upstream has agreed it joins the
 * two sockets and reads nothing of what goes through (docs/adr/0006). Decided like every other request.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { ServerResponse } from 'node:http';
import { decide } from './core/decide.ts';
import { homeward } from './core/field.ts';
import { match } from './core/match.ts';
import { codes, type Code } from './error.ts';
import { Exchange } from './exchange.ts';
import { factsOf, headersOf, targetOf, type Context } from './obey.ts';
import type { Server } from './upstream.ts';

export interface Upgrade {
  readonly req: IncomingMessage;
  readonly socket: Duplex;
  /** The first bytes that the caller sent behind its request. */
  readonly head: Buffer;
}

/** Passes one upgrade on. Errors of either socket end both. */
export function tunnel(upgrade: Upgrade, context: Context): void {
  const { req, socket } = upgrade;
  socket.on('error', () => socket.destroy());
  const generation = context.generations.current;
  // There is no response object for an upgrade; this one only gives the exchange something to hold.
  const exchange = new Exchange(req, new ServerResponse(req), req.url ?? '/', {
    generation,
    observer: context.observer,
  });
  const matched = match(generation.matcher, exchange.method, exchange.path);
  exchange.route = matched?.route.id ?? 'default';
  const decision = decide(generation.table, matched?.route ?? null, factsOf(context.generations.fleet));
  if (decision.kind === 'refuse') return turnAway(exchange, socket, decision.code, decision.because);
  const server = context.generations.fleet.get(decision.upstream);
  if (server === undefined) return turnAway(exchange, socket, 'GW_NO_UPSTREAM', decision.because);
  if (server.full) return turnAway(exchange, socket, 'GW_OVERLOADED', 'overloaded');
  const headers = [
    ...headersOf(exchange, matched?.route ?? null, decision.side),
    'connection',
    'upgrade',
    'upgrade',
    req.headers.upgrade ?? '',
  ];
  const { side, because } = decision;
  join(upgrade, { exchange, server, path: targetOf(exchange, matched, side), headers, side, because });
}

interface Joint {
  readonly exchange: Exchange;
  readonly server: Server;
  readonly path: string;
  readonly headers: readonly string[];
  readonly side: 'legacy' | 'new';
  readonly because: string;
}

function join({ req, socket, head }: Upgrade, joint: Joint): void {
  const { exchange, server, side, because } = joint;
  const origin = new URL(server.upstream.urls[0] ?? '');
  const settle = server.breaker.begin();
  server.hold();
  let over = false;
  const finish = (outcome: 'success' | 'failure' | 'abandoned', status: number): void => {
    if (over) return;
    over = true;
    settle(outcome);
    server.release();
    exchange.end({ side, because, status, code: null });
  };
  const ask = origin.protocol === 'https:' ? httpsRequest : httpRequest;
  const onward = ask({
    hostname: origin.hostname,
    port: origin.port,
    method: req.method,
    path: joint.path,
    headers: joint.headers,
    setHost: false,
    agent: false,
    timeout: server.upstream.timeout.headersMs,
  });
  onward.on('timeout', () => onward.destroy(new Error('no answer in time')));
  onward.on('error', () => {
    finish('failure', 502);
    turnAway(exchange, socket, 'GW_UPSTREAM_UNREACHABLE', because);
  });
  socket.once('close', () => onward.destroy());
  onward.on('upgrade', (answer, upstream: Duplex, first: Buffer) => {
    onward.setTimeout(0);
    finish('success', answer.statusCode ?? 101);
    socket.write(
      headOf(answer, [
        ...exchange.own(side, because),
        'connection',
        'Upgrade',
        'upgrade',
        answer.headers.upgrade ?? '',
      ]),
    );
    if (first.length > 0) socket.write(first);
    if (head.length > 0) upstream.write(head);
    splice(socket, upstream);
  });
  onward.on('response', (answer) => {
    // The upstream declined: its answer is the caller's, and the connection ends with it.
    finish('success', answer.statusCode ?? 502);
    socket.write(headOf(answer, [...exchange.own(side, because), 'connection', 'close']));
    answer.pipe(socket);
  });
  onward.end();
}

function splice(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy());
    from.once('close', () => to.destroy());
    from.pipe(to);
  }
}

function headOf(answer: IncomingMessage, own: readonly string[]): string {
  const fields = homeward(answer.rawHeaders, own);
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage ?? ''}`];
  for (let index = 0; index < fields.length; index += 2) lines.push(`${fields[index]}: ${fields[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function turnAway(exchange: Exchange, socket: Duplex, code: Code, because: string): void {
  if (socket.destroyed) return;
  const { status } = codes[code];
  const body = JSON.stringify({ type: 'about:blank', status, code });
  const own = exchange.own('none', because);
  const fields = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(body.length),
    'connection',
    'close',
    ...own,
  ];
  const lines = [`HTTP/1.1 ${status} ${code}`];
  for (let index = 0; index < fields.length; index += 2) lines.push(`${fields[index]}: ${fields[index + 1]}`);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  exchange.end({ side: 'none', because, status, code });
}
