/**
 * ReeferDesk as a fastify instance: REST, SOAP and the health checks. It never listens by itself; `main.ts` does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type pg from 'pg';
import { refuse, rest, unknownPath } from './rest.ts';
import { soap, type SoapOptions } from './soap.ts';

/** Everything that the app needs from outside. */
export interface AppOptions extends SoapOptions {
  readonly logger: FastifyBaseLogger;
}

// A page of terms is 100 kB; nothing that a desk writes is near a megabyte.
const BODY_LIMIT_BYTES = 1024 * 1024;
// Ids are text of any length in the database; URLs are not, and Node's limit on headers (16 KiB) comes first.
const PARAM_LIMIT_CHARS = 4_096;
// A client that has not sent its request by then never will.
const REQUEST_LIMIT_MS = 30_000;
// `readyz` asks for the present; an answer after that is a no.
const READY_LIMIT_MS = 2_000;

/** Builds the app. Closing it does not close the pool. */
export async function build(options: AppOptions): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }), // The hook below writes one line instead of two.
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_LIMIT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAM_LIMIT_CHARS },
    frameworkErrors: (_error, _request, reply) => {
      void refuse(options, reply, 400, 'Malformed URL');
    },
  });
  app.setNotFoundHandler((_request, reply) => unknownPath(options, reply));
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  // A connection that is kept alive after its last answer would keep the server from closing.
  app.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    request.log.info({ method: request.method, url: request.url, status: reply.statusCode }, 'request');
  });

  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (await isReady(options.pool)) return { status: 'ready' };
    return reply.code(503).send({ status: 'unavailable', because: 'database' });
  });
  await app.register(rest, options);
  await app.register(soap, options);
  return app;
}

async function isReady(pool: pg.Pool): Promise<boolean> {
  const asked = pool.query('SELECT 1').then(
    () => true,
    () => false,
  );
  return Promise.race([asked, delay(READY_LIMIT_MS, false, { ref: false })]);
}
