/**
 * The admin port: alive, ready, figures, watermarks; and one thing that can be asked for, the reading of tables again. Binds to
 * loopback unless told otherwise.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Connector } from './connector.ts';
import { parseGlob, type Glob } from './core/glob.ts';
import { CdcError } from './errors.ts';

// A scrape or a fence is a GET without a body; whoever is slower than this holds a connection for nothing.
const REQUEST_TIMEOUT_MS = 10_000;
// The facade has given up by then, and calls its fence pending.
const WATERMARK_TIMEOUT_MS = 2_000;
const BODY_BYTES = 64 * 1024; // A thousand names of tables.

export interface AdminOptions {
  /** What `POST /snapshots` asks for; null: nothing. */
  readonly token: string | null;
}

/** Builds the app; does not listen. */
export function buildAdmin(connector: Connector, { token }: AdminOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: BODY_BYTES,
    forceCloseConnections: true,
  });
  app.removeContentTypeParser('text/plain'); // What a form of a foreign page can send without asking first.

  app.get('/healthz', async () => ({ status: 'alive' }));

  app.get('/readyz', async (_request, reply) => {
    const { phase, because } = connector;
    if (phase === 'streaming') return { status: 'ready' };
    return reply.status(503).send({ status: phase, because });
  });

  app.get('/metrics', async (_request, reply) => {
    return reply.type(connector.tally.contentType).send(await connector.tally.text());
  });

  app.get('/watermark', async () => soon(connector.watermark()));

  app.post('/snapshots', async (request, reply) => {
    const refusal = refusalOf(request, token);
    if (refusal !== null) return refuse(reply, refusal);
    const globs = globsOf(request.body);
    if (globs === null)
      return refuse(reply, {
        status: 400,
        code: 'CDC_REQUEST',
        detail: 'the body is to be {"tables": ["schema.table", …]}',
      });
    const tables = connector.reread(globs);
    if (tables.length === 0)
      return refuse(reply, { status: 422, code: 'CDC_NO_TABLES', detail: 'no captured table has such a name' });
    return reply.status(202).send({ tables });
  });

  app.setNotFoundHandler((request, reply) => {
    return refuse(reply, { status: 404, code: 'CDC_NOT_FOUND', detail: `no ${request.method} ${request.url} here` });
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof CdcError ? 503 : (statusOf(error) ?? 500);
    const code = error instanceof CdcError ? error.code : 'CDC_REQUEST';
    return refuse(reply, { status, code, detail: error instanceof Error ? error.message : String(error) });
  });
  return app;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

function refuse(reply: FastifyReply, { status, code, detail }: Refusal): FastifyReply {
  const problem = { type: 'about:blank', title: code, status, code, detail };
  return reply.status(status).type('application/problem+json').send(problem);
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Why a request that changes something is not taken; null when it is. A page that somebody looks at must not be able to make one. */
function refusalOf({ headers, socket }: FastifyRequest, token: string | null): Refusal | null {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const own = host === socket.localAddress || host === `[${socket.localAddress}]` || LOOPBACK.test(host);
  if (!own) return { status: 403, code: 'CDC_HOST', detail: `the Host header names "${host}", which this is not` };
  if (headers.origin !== undefined)
    return { status: 403, code: 'CDC_ORIGIN', detail: 'requests of web pages are not taken' };
  if (token !== null && !equal(headers.authorization ?? '', `Bearer ${token}`))
    return { status: 401, code: 'CDC_TOKEN', detail: 'the header "Authorization: Bearer …" is missing or wrong' };
  return null;
}

/** In a time that says nothing of where they differ. */
function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const snapshotBody = z.strictObject({ tables: z.array(z.string()).min(1) });

function globsOf(body: unknown): readonly Glob[] | null {
  const parsed = snapshotBody.safeParse(body);
  if (!parsed.success) return null;
  const globs = parsed.data.tables.map(parseGlob);
  return globs.every((glob) => glob !== null) ? globs : null;
}

function statusOf(error: unknown): number | null {
  return typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : null;
}

function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new CdcError('CDC_SOURCE_LOST', `the source did not answer within ${WATERMARK_TIMEOUT_MS} ms`)),
      WATERMARK_TIMEOUT_MS,
    );
    answer.then(resolve, reject).finally(() => clearTimeout(late));
  });
}
