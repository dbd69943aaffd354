/** The admin port: alive, ready, figures, and watermarks. Reads only; binds to loopback unless told otherwise. */
import fastify, { type FastifyInstance } from 'fastify';
import type { Connector } from './connector.ts';
import { CdcError } from './errors.ts';

// A scrape or a fence is a GET without a body; whoever is slower than this holds a connection for nothing.
const REQUEST_TIMEOUT_MS = 10_000;
// The facade has given up by then, and calls its fence pending.
const WATERMARK_TIMEOUT_MS = 2_000;

/** Builds the app; does not listen. */
export function buildAdmin(connector: Connector): FastifyInstance {
  const app = fastify({ logger: false, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });

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

  app.setNotFoundHandler((request, reply) => {
    return reply
      .status(404)
      .type(PROBLEM)
      .send(problem(404, 'CDC_NOT_FOUND', `no ${request.method} ${request.url} here`));
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof CdcError ? 503 : (statusOf(error) ?? 500);
    const code = error instanceof CdcError ? error.code : 'CDC_REQUEST';
    const detail = error instanceof Error ? error.message : String(error);
    return reply
      .status(status)
      .type(PROBLEM)
      .send(problem(status, code, detail));
  });
  return app;
}

const PROBLEM = 'application/problem+json';

function problem(status: number, code: string, detail: string): object {
  return { type: 'about:blank', title: code, status, code, detail };
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
