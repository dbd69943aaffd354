/**
 * The REST face: routes of `/api`, to the letter of docs/reeferdesk-api.md. It reads the request, asks the service layer, and
 * prints the answer; it decides nothing.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type pg from 'pg';
import { bookOrder, cancelOrder, createOrder, updateOrder, type Written } from './writes.ts';
import { coldChain, customerKey, getOrder, listContainers, listOrders, listVoyages } from './reads.ts';
import {
  coldChainAnswer,
  containersAnswer,
  errorAnswer,
  orderAnswer,
  pageAnswer,
  voyagesAnswer,
} from './core/answers.ts';
import { containerStatuses, statuses, voyageStatuses, type Status } from './core/order.ts';
import { readFilters, readPaging, type Filters, type Query } from './core/query.ts';
import { codeOf, statusOf } from './errors.ts';
import { readDraft } from './core/draft.ts';

/** What both faces need. */
export interface Desk {
  readonly pool: pg.Pool;
  /** The clock, for `serverTime`. */
  readonly now: () => Date;
}

/** A body as it was read: its text too, for what Postgres shall take out of it. */
interface JsonBody {
  readonly text: string;
  readonly value: unknown;
}

/** Adds the routes, in a context of their own. */
export async function rest(app: FastifyInstance, desk: Desk): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) =>
    readBody(request, body),
  );
  app.setErrorHandler((error, request, reply) => failed(desk, error, request, reply));
  reads(app, desk);
  lists(app, desk);
  writes(app, desk);
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** `2026-03-01T08:30`: how ReeferDesk says what time it is. */
function minuteOf(desk: Desk): string {
  return desk.now().toISOString().slice(0, 16);
}

function answer(reply: FastifyReply, text: string, status = 200): FastifyReply {
  return reply.code(status).type(JSON_TYPE).send(text);
}

/** Answers with an error in the shape of the contract. */
export function refuse(desk: Desk, reply: FastifyReply, status: number, sentence: string): FastifyReply {
  return answer(reply, errorAnswer(sentence, minuteOf(desk)), status);
}

/** The answer to a path that there is not. */
export function unknownPath(desk: Desk, reply: FastifyReply): FastifyReply {
  return refuse(desk, reply, 404, 'Not found');
}

function reads(app: FastifyInstance, desk: Desk): void {
  const { pool } = desk;

  app.get<{ Params: { orderId: string } }>('/api/orders/:orderId', async ({ params: { orderId } }, reply) => {
    if (orderId === '') return unknownPath(desk, reply);
    const order = await getOrder(pool, orderId);
    if (order === null) return refuse(desk, reply, 404, `Order ${orderId} not found`);
    return answer(reply, orderAnswer(order, minuteOf(desk)));
  });

  app.get<{ Params: { orderId: string } }>(
    '/api/reports/cold-chain/:orderId',
    async ({ params: { orderId } }, reply) => {
      if (orderId === '') return unknownPath(desk, reply);
      const report = await coldChain(pool, orderId);
      if (report === null) return refuse(desk, reply, 404, `Order ${orderId} not found`);
      return answer(reply, coldChainAnswer(report, minuteOf(desk)));
    },
  );
}

function lists(app: FastifyInstance, desk: Desk): void {
  const { pool } = desk;

  app.get<{ Querystring: Query }>('/api/orders', async ({ query }, reply) => {
    const filters = readFilters(query, 'customerId', statuses);
    if (filters.kind === 'refused') return refuse(desk, reply, 400, filters.because);
    return page(query, filters.value, reply);
  });

  app.get<{ Params: { customerId: string }; Querystring: Query }>(
    '/api/customers/:customerId/orders',
    async ({ params: { customerId }, query }, reply) => {
      const paging = readPaging(query);
      if (paging.kind === 'refused') return refuse(desk, reply, 400, paging.because);
      if ((await customerKey(pool, customerId)) === null) {
        return refuse(desk, reply, 404, `Customer ${customerId} not found`);
      }
      return page(query, { text: customerId, status: null }, reply);
    },
  );

  app.get<{ Querystring: Query }>('/api/voyages', async ({ query }, reply) => {
    const filters = readFilters(query, 'destination', voyageStatuses);
    if (filters.kind === 'refused') return refuse(desk, reply, 400, filters.because);
    const voyages = await listVoyages(pool, filters.value);
    if (voyages.length === 0) return refuse(desk, reply, 404, 'Nothing found');
    return answer(reply, voyagesAnswer(voyages, minuteOf(desk)));
  });

  app.get<{ Querystring: Query }>('/api/containers', async ({ query }, reply) => {
    const filters = readFilters(query, 'city', containerStatuses);
    if (filters.kind === 'refused') return refuse(desk, reply, 400, filters.because);
    const containers = await listContainers(pool, filters.value);
    if (containers.length === 0) return refuse(desk, reply, 404, 'Nothing found');
    return answer(reply, containersAnswer(containers, minuteOf(desk)));
  });

  async function page(query: Query, filters: Filters<Status>, reply: FastifyReply): Promise<FastifyReply> {
    const paging = readPaging(query);
    if (paging.kind === 'refused') return refuse(desk, reply, 400, paging.because);
    const found = await listOrders(pool, filters, paging.value);
    if (found.orders.length === 0) return refuse(desk, reply, 404, 'Nothing found');
    return answer(reply, pageAnswer(found, paging.value, minuteOf(desk)));
  }
}

function writes(app: FastifyInstance, desk: Desk): void {
  const { pool } = desk;

  app.post<{ Body: JsonBody | undefined }>('/api/orders', async ({ body }, reply) => {
    const draft = draftOf(body);
    if (draft.kind === 'refused') return refuse(desk, reply, 400, draft.because);
    const written = await createOrder(pool, draft.value);
    if (written.kind === 'done') {
      void reply.code(201).header('location', `/api/orders/${encodeURIComponent(written.order.orderId)}`);
    }
    return written.kind === 'done'
      ? answer(reply, orderAnswer(written.order, minuteOf(desk)), 201)
      : told(written, '', reply);
  });

  app.put<{ Params: { orderId: string }; Body: JsonBody | undefined }>(
    '/api/orders/:orderId',
    async ({ params: { orderId }, body }, reply) => {
      const draft = draftOf(body);
      if (draft.kind === 'refused') return refuse(desk, reply, 400, draft.because);
      return told(await updateOrder(pool, orderId, draft.value), orderId, reply);
    },
  );

  app.post<{ Params: { orderId: string } }>('/api/orders/:orderId/book', async ({ params: { orderId } }, reply) =>
    told(await bookOrder(pool, orderId), orderId, reply),
  );

  app.post<{ Params: { orderId: string } }>('/api/orders/:orderId/cancel', async ({ params: { orderId } }, reply) =>
    told(await cancelOrder(pool, orderId), orderId, reply),
  );

  function told(written: Written, orderId: string, reply: FastifyReply): FastifyReply {
    switch (written.kind) {
      case 'done':
        return answer(reply, orderAnswer(written.order, minuteOf(desk)));
      case 'missing':
        return refuse(desk, reply, 404, `Order ${orderId} not found`);
      case 'invalid':
        return refuse(desk, reply, 400, written.because);
      case 'refused':
        // A broken rule was a server error when ReeferDesk was written, and its clients have learned to read it so.
        return refuse(desk, reply, 500, written.because);
      default:
        return written satisfies never;
    }
  }
}

function draftOf(body: JsonBody | undefined): ReturnType<typeof readDraft> {
  return readDraft(body?.value, { document: body?.text ?? '', path: ['specialInstructions'] });
}

/** A refusal that arises before a handler runs; `statusCode` is what fastify calls it. */
class Refusal extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, sentence: string) {
    super(sentence);
    this.statusCode = statusCode;
  }
}

function readBody(request: FastifyRequest, body: Buffer): JsonBody {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (!/^utf-?8$/i.test(charset)) throw new Refusal(415, `Unsupported charset: ${charset}`);
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new Refusal(415, `Unsupported content encoding: ${encoding}`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    return { text, value: JSON.parse(text) };
  } catch {
    throw new Refusal(400, 'Malformed JSON'); // Neither error says more than that to a client.
  }
}

function failed(desk: Desk, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Refusal) return refuse(desk, reply, error.statusCode, error.message);
  switch (codeOf(error)) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse(desk, reply, 415, `Unsupported media type: ${request.headers['content-type'] || 'none'}`);
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse(desk, reply, 413, 'Body too large');
    default:
      return broken(desk, error, request, reply);
  }
}

function broken(desk: Desk, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  if (status !== null && status < 500) return refuse(desk, reply, status, 'Bad request');
  request.log.error({ err: error }, 'request failed');
  return isUnreachable(error)
    ? refuse(desk, reply, 503, 'Database unavailable')
    : refuse(desk, reply, 500, 'Internal error');
}

/** True when Postgres could not be asked: it is down, going down, closed to us, or all connections are taken. */
export function isUnreachable(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (/^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOST|EAI_|08|28|3D|53|55000|57P)/.test(code)) return true;
  // pg's own words, which have no code.
  return error instanceof Error && /timeout exceeded when trying to connect|Connection terminated/.test(error.message);
}
