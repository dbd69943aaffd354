/**
 * The second forwarder: @fastify/http-proxy, which tells the caller of the answer by fastify's own means. It lives in a fastify of
 * its own that never listens and is handed requests once they are decided; so the direct way pays nothing for it, and the whole
 * of what is promised before and behind it (decision, breaker, limits, failures) is the same code.
 *
 * The plugin asks its upstream through a client that it is given. Ours sends what was decided, not what the plugin made of the
 * request: a path that is normalised after a decision may be another path (docs/adr/0013). What the plugin cannot tell a
 * caller is listed in docs/forwarders.md.
 */
import { METHODS, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import httpProxy from '@fastify/http-proxy';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Fields } from './core/field.ts';
import { GatewayError } from './error.ts';
import { direct, type Forward, type Forwarder, type Result } from './forward.ts';
import type { Sink } from './sink.ts';

/** What one request of the plugin's has to do with: found by the request, and by the fields that the plugin sends. */
interface Job {
  readonly request: Forward;
  readonly res: ServerResponse;
  readonly done: (result: Result) => void;
  relay: Relay | null;
}

const JOB = Symbol('job');

/** An answer as the plugin takes it from its client. */
interface Told {
  readonly statusCode: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Readable;
}

type Tell = (error: Error | null, answer?: Told) => void;

/** Builds the forwarder; it can forward once `ready` has resolved. */
export function httpProxyForwarder(): { readonly forwarder: Forwarder; readonly ready: () => Promise<void> } {
  const jobs = new WeakMap<object, Job>();
  const app = fastify({
    logger: false,
    // Everything is for the plugin, and the target is not its business.
    rewriteUrl: () => '/',
    return503OnClosing: false,
  });
  // Bodies are ours: fastify would refuse what it cannot parse.
  for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  app.setErrorHandler((error: Error, { raw }, reply) => {
    reply.hijack();
    const job = jobs.get(raw);
    if (job === undefined) reply.raw.destroy();
    else fail(job, reply, error);
  });
  register(app, jobs);
  const forward: Forwarder['forward'] = (request, done) => {
    const { req, res } = request;
    if (!(res instanceof ServerResponse)) return direct.forward(request, done);
    jobs.set(req, { request, res, done, relay: null });
    app.routing(req, res);
  };
  return {
    forwarder: { forward },
    ready: async () => {
      await app.ready();
    },
  };
}

function register(app: FastifyInstance, jobs: WeakMap<object, Job>): void {
  app.register(httpProxy, {
    // It wants to know where a request goes before it asks its client, which knows better.
    upstream: 'http://upstream.invalid',
    httpMethods: METHODS.filter((method) => method !== 'CONNECT'),
    routes: ['/'],
    proxyPayloads: false,
    disableRequestLogging: true,
    internalRewriteLocationHeader: false,
    undici: { request: ask } as never,
    replyOptions: {
      rewriteRequestHeaders: ({ raw }) => ({ [JOB]: jobs.get(raw) }) as never,
      // By itself it sends a read up to ten times more when it is answered 503. What is sent again is decided elsewhere.
      retryDelay: () => null,
      // It closes the connection on a caller who is still sending, and the answer is lost with it (RFC 9112, section 9.6). What is
      // left of a body is read and dropped by `body.ts`.
      onResponse: ({ raw }, reply, { stream }) => {
        if (jobs.get(raw)?.relay?.closes === false) reply.removeHeader('connection');
        void reply.send(stream);
      },
      onError: (reply, { error }) => {
        const job = jobs.get(reply.request.raw);
        // The plugin goes on as if it had been taken.
        reply.hijack();
        job?.relay?.refuse(error);
      },
    },
  });
}

/** The plugin's client: sends the job's request, and tells the plugin of its answer. */
function ask({ headers }: { readonly headers: { readonly [JOB]?: Job } }, tell: Tell): void {
  const job = headers[JOB];
  if (job === undefined) throw new TypeError('a request that was not handed over');
  job.relay = new Relay(job.res, tell);
  // When it fails before its answer, the plugin is not told: somebody else may answer in its place.
  direct.forward({ ...job.request, res: job.relay }, job.done);
}

/** The plugin or its fastify gave up. */
function fail({ request, done, relay }: Job, reply: FastifyReply, error: Error): void {
  // Its answer has begun, and may be told of by the rest of its connection alone.
  if (relay?.headersSent === true) return void reply.raw.destroy();
  if (relay !== null) return relay.refuse(error);
  const { name } = request.server.upstream;
  const cause = new GatewayError('GW_INTERNAL', `The request could not be handed to upstream ${name}.`, {
    cause: error,
  });
  const result = { kind: 'failed', error: cause, sent: false } as const;
  done(result);
}

/** An answer on its way from `forward.ts` to the plugin. What the plugin has no place for ends here. */
class Relay extends Readable implements Sink {
  readonly #res: ServerResponse;
  readonly #tell: Tell;
  #told = false;
  #refused: Error | null = null;
  /** Whether the facade closes the connection behind this answer. */
  closes = false;

  constructor(res: ServerResponse, tell: Tell) {
    super();
    this.#res = res;
    this.#tell = tell;
    // The plugin hears of it in its own way; destroyed once nobody listens, it must not end the process.
    this.on('error', () => undefined);
  }

  get headersSent(): boolean {
    return this.#told;
  }

  /** @throws GatewayError GW_UPSTREAM_BROKEN: an answer that the plugin cannot tell of */
  writeHead(statusCode: number, reason: string, fields: string[]): void {
    // The plugin knows of no reason; node takes the one that is set.
    this.#res.statusMessage = reason;
    this.closes = fields.some((part, index) => index % 2 === 0 && part.toLowerCase() === 'connection');
    this.#tell(null, { statusCode, headers: objectOf(fields), body: this });
    if (this.#refused !== null)
      throw new GatewayError('GW_UPSTREAM_BROKEN', `The answer's head (status ${statusCode}) cannot be passed on.`, {
        cause: this.#refused,
      });
    this.#told = true;
  }

  /** The plugin does not take the answer's head. */
  refuse(error: Error): void {
    this.#refused = error;
  }

  /** Fastify writes a head with the first bytes of its body. */
  flushHeaders(): void {}

  /** Fastify wants to know of trailers before the body. */
  addTrailers(): void {}

  write(chunk: Buffer): boolean {
    return this.push(chunk);
  }

  end(last?: Buffer | string, encoding?: 'latin1'): void {
    if (last !== undefined) this.push(last, encoding);
    this.push(null);
  }

  override _read(): void {
    this.emit('drain');
  }
}

function objectOf(fields: Fields): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    if (name === 'trailer') continue;
    const value = fields[index + 1] ?? '';
    const before = out[name];
    if (before === undefined) out[name] = value;
    else if (typeof before === 'string') out[name] = [before, value];
    else before.push(value);
  }
  return out;
}
