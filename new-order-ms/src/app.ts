/**
 * The order service as a fastify instance: the reads of the REST contract, `/freshness`, health and metrics. It never listens
 * by itself; `main.ts` does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyReply } from 'fastify';
import type pg from 'pg';
import {
  coldChainAnswer,
  containersAnswer,
  errorAnswer,
  orderAnswer,
  pageAnswer,
  voyagesAnswer,
} from './core/answer.ts';
import { readQuestion } from './core/freshness.ts';
import { readContainerFilter, readOrderFilter, readPage, readVoyageFilter, type Query } from './core/request.ts';
import { codeOf } from './errors.ts';
import type { Standing } from './follow.ts';
import type { FreshnessReader } from './freshness.ts';
import type { Metrics } from './metrics.ts';
import { coldChain, getOrder, isSnapshotOver, listContainers, listOrders, listVoyages } from './reads.ts';

/** Everything that the app needs from outside. */
export interface AppOptions {
  readonly pool: pg.Pool;
  readonly logger: FastifyBaseLogger;
  readonly freshness: FreshnessReader;
  readonly standing: () => Standing;
  readonly metrics: Metrics;
}

// Ids are text of any length in the database; URLs are not, and Node's limit on headers (16 KiB) comes first.
const PARAM_LIMIT_CHARACTERS = 4_096;
// A client that has not sent its request by then never will.
const REQUEST_LIMIT_MS = 30_000;
// `readyz` asks for the present; an answer after that is a no.
const READY_LIMIT_MS = 2_000;

const JSON_TYPE = 'application/json; charset=utf-8';

/** Builds the app. Closing it does not close the pool. */
export function build(options: AppOptions): FastifyInstance {
  const { logger, metrics } = options;
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }), // The facade writes the access log; here failures count.
    requestTimeout: REQUEST_LIMIT_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAM_LIMIT_CHARACTERS },
    frameworkErrors: (_error, _request, reply) => void refuse(reply, 400, 'Malformed URL'),
  });
  // The service has no writes yet; a body is refused with its path.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, body, done) => {
    body.resume();
    done(null);
  });
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404, 'Not found'));
  app.setErrorHandler((error, request, reply) => {
    request.log.error({ err: error }, 'request failed');
    return isUnavailable(error) ? refuse(reply, 503, 'Database unavailable') : refuse(reply, 500, 'Internal error');
  });
  app.addHook('onResponse', async (request, reply) => {
    metrics.answered(request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1_000);
  });
  operations(app, options);
  orders(app, options.pool);
  others(app, options.pool);
  return app;
}

function orders(app: FastifyInstance, pool: pg.Pool): void {
  app.get<{ Params: { orderId: string } }>('/api/orders/:orderId', async ({ params: { orderId } }, reply) => {
    if (orderId === '') return refuse(reply, 404, 'Not found');
    const order = await getOrder(pool, orderId);
    return order === null ? refuse(reply, 404, `Order ${orderId} not found`) : answer(reply, orderAnswer(order));
  });

  app.get<{ Querystring: Query }>('/api/orders', async ({ query }, reply) => {
    const filter = readOrderFilter(query);
    if (filter.kind === 'refused') return refuse(reply, 400, filter.because);
    const { rows, total } = await listOrders(pool, filter.value, filter.value);
    return answer(reply, pageAnswer(rows, filter.value, total));
  });

  app.get<{ Params: { customerId: string }; Querystring: Query }>(
    '/api/customers/:customerId/orders',
    async ({ params: { customerId }, query }, reply) => {
      const page = readPage(query);
      if (page.kind === 'refused') return refuse(reply, 400, page.because);
      const { rows, total, known } = await listOrders(pool, { customerId, status: null }, page.value);
      if (!known) return refuse(reply, 404, `Customer ${customerId} not found`);
      return answer(reply, pageAnswer(rows, page.value, total));
    },
  );
}

function others(app: FastifyInstance, pool: pg.Pool): void {
  app.get<{ Querystring: Query }>('/api/voyages', async ({ query }, reply) => {
    const filter = readVoyageFilter(query);
    if (filter.kind === 'refused') return refuse(reply, 400, filter.because);
    return answer(reply, voyagesAnswer(await listVoyages(pool, filter.value)));
  });

  app.get<{ Querystring: Query }>('/api/containers', async ({ query }, reply) => {
    const filter = readContainerFilter(query);
    if (filter.kind === 'refused') return refuse(reply, 400, filter.because);
    return answer(reply, containersAnswer(await listContainers(pool, filter.value)));
  });

  app.get<{ Params: { orderId: string } }>(
    '/api/reports/cold-chain/:orderId',
    async ({ params: { orderId } }, reply) => {
      if (orderId === '') return refuse(reply, 404, 'Not found');
      const rows = await coldChain(pool, orderId);
      return rows === null
        ? refuse(reply, 404, `Order ${orderId} not found`)
        : answer(reply, coldChainAnswer(orderId, rows));
    },
  );
}

function operations(app: FastifyInstance, { pool, freshness, standing, metrics }: AppOptions): void {
  app.get('/healthz', async () => ({ status: 'ok' }));

  app.get('/readyz', async (_request, reply) => {
    const because = await obstacle(pool, standing());
    return because === null ? { status: 'ready' } : reply.code(503).send({ status: 'unavailable', because });
  });

  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  app.get<{ Querystring: Query }>('/freshness', async ({ query }, reply) => {
    const { atLeast = null, wait = null } = query;
    if (!isOne(atLeast)) return refuse(reply, 400, 'Parameter atLeast given more than once');
    if (!isOne(wait)) return refuse(reply, 400, 'Parameter wait given more than once');
    const question = readQuestion(atLeast, wait);
    if (question.kind === 'refused') return refuse(reply, 400, question.because);
    const { fresh, body } = await freshness.read(question.fences, question.waitMs);
    return reply.code(fresh ? 200 : 409).send(body);
  });
}

function isOne(value: string | readonly string[] | null): value is string | null {
  return value === null || typeof value === 'string';
}

/** Why the service should not be asked; null when it should. */
async function obstacle(pool: pg.Pool, standing: Standing): Promise<string | null> {
  if (standing.kind === 'halted') return standing.because;
  const late = delay(READY_LIMIT_MS, 'the database does not answer', { ref: false });
  const looked = isSnapshotOver(pool).then(
    (over) => (over ? null : `the source's first snapshot has not been applied yet${detail(standing)}`),
    () => 'the database cannot be asked',
  );
  return Promise.race([looked, late]);
}

function detail(standing: Standing): string {
  return standing.kind === 'following' || standing.kind === 'halted' ? '' : ` (${standing.because})`;
}

function answer(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_TYPE).send(text);
}

/** Answers with an error in the shape of the contract. */
function refuse(reply: FastifyReply, status: number, sentence: string): FastifyReply {
  return reply.code(status).type(JSON_TYPE).send(errorAnswer(sentence));
}

/** Whether Postgres could not be asked: it is down, going down, too slow, or all connections are taken. */
function isUnavailable(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|EAI_|08|57|53)/.test(code)) return true;
  // pg's own words, which have no code.
  return error instanceof Error && /timeout exceeded|Connection terminated|Query read timeout/.test(error.message);
}
