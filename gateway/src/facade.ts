/**
 * The public side of the gateway. Fastify has the server and its life, and our own table, swapped atomically at a reload, picks what is
 * done: gather (match), decide, obey (forward), observe. There is no `if` about routing here: `core/decide.ts` has them all.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { flawOf } from './core/hygiene.ts';
import { match } from './core/match.ts';
import { collect } from './body.ts';
import { isShut, MAX_HEAD_BYTES, turnAway, turnBack } from './door.ts';
import { Exchange } from './exchange.ts';
import { expectant } from './expectation.ts';
import { direct } from './forward.ts';
import { answerItself, broken, proceed, refuse, type Context } from './obey.ts';
import { httpProxyForwarder } from './proxy.ts';
import { besideOf, describe } from './soap/describe.ts';
import { serviceAt, serveSoap } from './soap.ts';
import { tunnel } from './tunnel.ts';

// A head arrives in one or two packets; more time than this is a slow-loris.
const HEAD_TIMEOUT_MS = 10_000;
// Longer than the idle time of the usual load balancers in front (60 s), so that they close first.
const KEEP_ALIVE_MS = 65_000;

/** Builds the facade; it does not listen. */
export function buildFacade(given: Omit<Context, 'forwarders'>): FastifyInstance {
  const proxy = httpProxyForwarder();
  const context: Context = { ...given, forwarders: { direct, 'http-proxy': proxy.forwarder } };
  const app = fastify({
    logger: false,
    // The router must not read the target: it would answer 400 to %zz by itself, and normalise what we pass on.
    rewriteUrl: () => '/',
    forceCloseConnections: 'idle',
    // A request that comes on an open connection while we close down is served; its answer closes the connection.
    return503OnClosing: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0, // Bodies stream for as long as bytes come; `body.ts` watches that they do.
    // Without Host: refused here, with the fields that every answer carries.
    // Whatever node was started with, it parses strictly here.
    http: {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_TIMEOUT_MS,
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    clientErrorHandler: (error, socket) => turnAway(error, socket, context),
  });
  // In the first hook, because fastify would refuse what it cannot parse: odd content types, QUERY without one.
  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    enter(request.raw, reply.raw, request.originalUrl, context);
  });
  const never = (): void => undefined;
  app.all('/', never);
  app.addHook('onReady', proxy.ready);
  app.setNotFoundHandler(never); // Methods that the router does not know.
  const { server } = app;
  // Node would drop those beyond a thousand in silence, a Content-Length among them; the head's size is the limit.
  server.maxHeadersCount = 0;
  // The router would find its one route for each request, at the price of deciding: they go where the hook leads. (It stays for what
  // else fastify listens with, when a name has two addresses.)
  server.removeAllListeners('request');
  server.on('request', (req: IncomingMessage, res: ServerResponse) => enter(req, res, req.url ?? '/', context));
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    expectant(req, res);
    server.emit('request', req, res);
  });
  // An expectation that is not 100-continue may be ignored (RFC 9110, section 10.1.1).
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => server.emit('request', req, res));
  // Each pipelined request listens for the end of its connection; upstreams limit how many there can be.
  // And node takes its own ear for errors away when it lets go of a connection: one that is reset then would end the process.
  server.on('connection', (socket: Socket) => socket.setMaxListeners(0).on('error', () => socket.destroy()));
  server.on('connect', (_req, socket) =>
    turnAway(Object.assign(new Error('a CONNECT'), { code: 'CONNECT' }), socket as Socket, context),
  );
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => tunnel({ req, socket, head }, context));
  return app;
}

function enter(req: IncomingMessage, res: ServerResponse, url: string, context: Context): void {
  if (isShut(req)) return void req.resume();
  const exchange = new Exchange(req, res, url, {
    generation: context.generations.current,
    observer: context.observer,
  });
  try {
    serve(exchange, context);
  } catch (error) {
    broken(exchange, error, context);
  }
}

function serve(exchange: Exchange, context: Context): void {
  const flaw = flawOf(exchange.seen, exchange.req.httpVersion);
  if (flaw !== null) return turnBack(exchange, flaw);
  if (exchange.target === '*') {
    return exchange.method === 'OPTIONS'
      ? answerItself(exchange, 204, 'facade')
      : refuse(exchange, badRequest('The target * is for OPTIONS alone.'), 'bad-request');
  }
  const { matcher, services } = context.generations.current;
  const service = serviceAt(exchange.path, services);
  if (service !== null) return serveSoap(exchange, service, context);
  const beside = besideOf(exchange, services);
  if (beside !== null && match(matcher, exchange.method, exchange.path) === null)
    return describe(exchange, beside, context);
  collect(exchange.req, exchange.seen, context.idleMs, (body) => {
    if (body.kind === 'gone') return exchange.end({ side: 'none', because: 'abandoned', status: 499, code: null });
    if (body.kind === 'slow')
      return refuse(
        exchange,
        { code: 'GW_BODY_TIMEOUT', detail: 'The body did not arrive in time.', retryAfterSeconds: null },
        'slow',
      );
    const matched = match(context.generations.current.matcher, exchange.method, exchange.path);
    proceed(exchange, context, matched, { body });
  });
}

const badRequest = (detail: string): { code: 'GW_BAD_REQUEST'; detail: string; retryAfterSeconds: null } => ({
  code: 'GW_BAD_REQUEST',
  detail,
  retryAfterSeconds: null,
});
