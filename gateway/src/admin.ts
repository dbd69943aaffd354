/**
 * The operator's port: health, metrics, routes, flips and status. It is never public: loopback unless a token is set, and every
 * request is checked against DNS rebinding (Host), cross-site requests (Origin, content type) and the token.
 */
import { timingSafeEqual, createHash } from 'node:crypto';
import { isIP } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { textOf } from './core/family.ts';
import { parseStage } from './core/stage.ts';
import { codes, GatewayError, type Code } from './error.ts';
import type { Engine } from './engine.ts';
import { explainRest, fieldsOf, NOBODY, rowsOf, sentence } from './explain.ts';
import type { Standing } from './generation.ts';
import { overrideOf } from './override.ts';
import type { Environment } from './routing.ts';
import { flip } from './routing/edit.ts';

export interface AdminOptions {
  readonly engine: Engine;
  /** The routing file, for flips. */
  readonly file: string;
  readonly env: Environment;
  /** Null: no token is asked for, which is allowed on loopback only. */
  readonly token: string | null;
  /** Names in lower case under which this port may be asked, besides localhost and addresses. */
  readonly hosts: readonly string[];
  /** Whether the facade is closing down. */
  readonly draining: () => boolean;
  /** Puts the file as it stands in force, or rejects it; resolves when that is done. */
  readonly reload: () => Promise<void>;
}

// An admin request is a stage and an id.
const MAX_BODY_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;

/** Builds the admin server; it does not listen. */
export function buildAdmin(options: AdminOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  app.addHook('onRequest', async (request, reply) => guard(request, reply, options));
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error instanceof GatewayError) return problem(reply, error.code, error.message);
    const status = error.statusCode ?? 500;
    return reply
      .code(status)
      .type('application/problem+json')
      .send({ type: 'about:blank', status, detail: status < 500 ? error.message : 'internal error' });
  });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .type('application/problem+json')
      .send({
        type: 'about:blank',
        status: 404,
        detail: `there is no ${request.method} ${request.url.split('?', 1)[0]} here`,
      }),
  );
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) =>
    options.draining() ? reply.code(503).send({ status: 'draining' }) : { status: 'ready' },
  );
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(textOf(await options.engine.families())),
  );
  app.get('/api/routes', () => ({
    generation: options.engine.standing.current.number,
    hash: options.engine.standing.current.hash,
    routes: rowsOf(options.engine.standing.current.table),
  }));
  app.get('/api/status', () => statusOf(options.engine));
  app.get('/api/explain', async (request, reply) => explain(request, reply, options));
  app.patch('/api/routes/:id', async (request, reply) => patch(request, reply, options));
  return app;
}

async function guard(request: FastifyRequest, reply: FastifyReply, { token, hosts }: AdminOptions): Promise<void> {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!isOwn(host, hosts)) {
    return void (await refuse(
      reply,
      403,
      `"${host}" is not a name of this port: ask for it as 127.0.0.1 or localhost`,
    ));
  }
  const { origin } = request.headers;
  if (
    origin !== undefined &&
    origin !== `http://${request.headers.host}` &&
    origin !== `https://${request.headers.host}`
  ) {
    return void (await refuse(reply, 403, 'requests from other sites are refused'));
  }
  if (
    request.method !== 'GET' &&
    request.method !== 'HEAD' &&
    !/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')
  ) {
    return void (await refuse(reply, 415, 'send content-type: application/json'));
  }
  const [path] = request.url.split('?', 1);
  const open = path === '/healthz' || path === '/readyz';
  if (token !== null && !open && !bears(request.headers.authorization, token)) {
    reply.header('www-authenticate', 'Bearer');
    return void (await refuse(reply, 401, 'send Authorization: Bearer with the value of BANYAN_ADMIN_TOKEN'));
  }
}

/** A page that rebinds its name to this address still asks for its name: what is asked for by address cannot be one. */
function isOwn(host: string, hosts: readonly string[]): boolean {
  return host === 'localhost' || isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0 || hosts.includes(host);
}

/** Compared in constant time: digests have one length whatever was sent. */
function bears(header: string | undefined, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const sent = /^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(sent), digest(token)) && sent !== '';
}

function refuse(reply: FastifyReply, status: number, detail: string): FastifyReply {
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, detail });
}

function problem(reply: FastifyReply, code: Code, detail: string): FastifyReply {
  const { status } = codes[code];
  return reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, code, detail });
}

/** `GET /api/explain?method=GET&path=/api/orders/1`, with `header=X-Customer-Id: 42` (several may be) and `ip=192.0.2.1` */
async function explain(request: FastifyRequest, reply: FastifyReply, { engine }: AdminOptions): Promise<unknown> {
  const {
    method = 'GET',
    path,
    header = [],
    ip = NOBODY.address,
  } = request.query as Readonly<Partial<Record<'method' | 'path' | 'header' | 'ip', string | string[]>>>;
  const fields = fieldsOf([header].flat());
  if (typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/') || typeof ip !== 'string') {
    return refuse(reply, 400, 'expected ?method=GET&path=/api/orders/1');
  }
  if (fields === null) return refuse(reply, 400, 'expected header=X-Customer-Id:%2042');
  const { table } = engine.standing.current;
  const asking = { fields, address: ip, override: overrideOf(fields, table.overrideSecret) };
  const explanation = explainRest(table, { method, target: path, asking }, await engine.facts());
  return { ...explanation, sentence: sentence(explanation) };
}

/** `PATCH /api/routes/order-get {"stage": "new"}`; with `hash`, only over the file of that content. */
async function patch(request: FastifyRequest, reply: FastifyReply, options: AdminOptions): Promise<unknown> {
  const { id } = request.params as { id: string };
  const body: unknown = request.body;
  const { stage, hash } =
    typeof body === 'object' && body !== null ? (body as { stage?: unknown; hash?: unknown }) : {};
  if (typeof stage !== 'string' || parseStage(stage) === null || (hash !== undefined && typeof hash !== 'string')) {
    return refuse(reply, 400, 'expected {"stage": "new"}, with a stage of routing.yaml');
  }
  const { standing } = options.engine;
  const over = hash ?? standing.current.hash;
  if (!standing.current.table.routes.some((route) => route.id === id))
    return refuse(reply, 404, `no route is named "${id}"`);
  const edit = await flip({ path: options.file, route: id, stage, env: options.env, over });
  switch (edit.kind) {
    case 'written':
      // Whoever has the answer finds the flip in force, and can make the next one.
      await options.reload();
      if (isRefused(standing, edit.hash)) return notInForce(reply, `${id}: ${edit.from} -> ${edit.to}`, options);
      return { route: id, from: edit.from, stage: edit.to, hash: edit.hash, warnings: edit.warnings };
    case 'same':
      return { route: id, from: edit.stage, stage: edit.stage, hash: edit.hash, warnings: [] };
    case 'refused':
      return refuse(reply, 422, edit.because);
    case 'changed':
      return problem(reply, 'GW_FILE_CHANGED', edit.because);
    case 'read-only':
      return reply
        .code(409)
        .type('application/problem+json')
        .send({ type: 'about:blank', status: 409, code: 'GW_FILE_READ_ONLY', detail: edit.because, patch: edit.patch });
    default:
      return edit satisfies never;
  }
}

/** Whether the file of `hash` was written and then rejected, for what stands in another file: a WSDL. */
function isRefused({ current, rejection }: Standing, hash: string): boolean {
  return rejection !== null && rejection.hash === hash && current.hash !== hash;
}

function notInForce(reply: FastifyReply, what: string, { engine }: AdminOptions): FastifyReply {
  const why = engine.standing.rejection?.problems.map(({ message }) => message).join('; ') ?? '';
  return problem(reply, 'GW_BAD_CONFIG', `${what} is written, but not in force: ${why}`);
}

/** What `GET /api/status` and `banyan status` say. */
async function statusOf(engine: Engine): Promise<object> {
  const { current, rejection, rejected } = engine.standing;
  const { upstreams, shadows } = await engine.vitals();
  return {
    generation: current.number,
    hash: current.hash,
    since: new Date(current.since).toISOString(),
    warnings: current.warnings,
    rejected,
    lastRejection:
      rejection === null
        ? null
        : { hash: rejection.hash, at: new Date(rejection.at).toISOString(), problems: rejection.problems },
    upstreams,
    shadows,
    workers: await engine.workers(),
    stages: tally(current.table.routes.map((route) => route.stage.kind)),
  };
}

function tally(kinds: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Object.fromEntries(counts);
}
