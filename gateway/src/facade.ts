/**
 * The public side of the gateway. Fastify has one catch-all, and our own table, swapped atomically at a reload, picks what is
 * done: gather (match), decide, obey (forward), observe. There is no `if` about routing here: `core/decide.ts` has them all.
 */
import type { IncomingMessage } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { match } from './core/match.ts';
import { collect } from './body.ts';
import { Exchange, type Observer } from './exchange.ts';
import type { Generations } from './generation.ts';
import { proceed, refuse } from './obey.ts';
import { besideOf, describe, serveSoap } from './soap.ts';
import { tunnel } from './tunnel.ts';

export interface FacadeOptions {
  readonly generations: Generations;
  readonly observer: Observer;
  readonly publicUrl: () => string;
}

// A request's head: 64 KiB of fields, as the largest cookies and tokens need, and some room for its target.
const MAX_HEAD_BYTES = 80 * 1024;
// A head arrives in one or two packets; more time than this is a slow-loris.
const HEAD_TIMEOUT_MS = 10_000;
// Longer than the idle time of the usual load balancers in front (60 s), so that they close first.
const KEEP_ALIVE_MS = 65_000;

/** Builds the facade; it does not listen. */
export function buildFacade(options: FacadeOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    // The router must not read the target: it would answer 400 to %zz by itself, and normalise what we pass on.
    rewriteUrl: () => '/',
    forceCloseConnections: 'idle',
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0, // Bodies stream for as long as bytes come; `body.ts` watches that they do.
    http: { maxHeaderSize: MAX_HEAD_BYTES, headersTimeout: HEAD_TIMEOUT_MS },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // Bodies pass unread.
  const handle = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack();
    serve(
      new Exchange(request.raw, reply.raw, request.originalUrl, {
        generation: options.generations.current,
        observer: options.observer,
      }),
      options,
    );
  };
  app.all('/', handle);
  app.setNotFoundHandler(handle); // Methods that the router does not know.
  app.server.on('upgrade', (req: IncomingMessage, socket, head: Buffer) => tunnel({ req, socket, head }, options));
  return app;
}

function serve(exchange: Exchange, options: FacadeOptions): void {
  const service = options.generations.current.services.get(exchange.path);
  if (service !== undefined) return serveSoap(exchange, service, options);
  const beside = besideOf(exchange, options.generations.current.services);
  if (beside !== null) return describe(exchange, beside, options);
  collect(exchange.req, exchange.seen, (body) => {
    if (body.kind === 'gone') return exchange.end({ side: 'none', because: 'abandoned', status: 499, code: null });
    if (body.kind === 'slow')
      return refuse(
        exchange,
        { code: 'GW_BODY_TIMEOUT', detail: 'The body did not arrive in time.', retryAfterSeconds: null },
        'slow',
      );
    const matched = match(options.generations.current.matcher, exchange.method, exchange.path);
    proceed(exchange, options, matched, { body });
  });
}
