/**
 * Brings the facade up and takes it down: reads the file, listens on the public and the admin port, follows the file, drains.
 * Nothing listens before the file has been found valid.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino, type Logger } from 'pino';
import { buildAdmin } from './admin.ts';
import { CALLER_IDLE_MS } from './body.ts';
import { GatewayError } from './error.ts';
import type { Observer } from './exchange.ts';
import { buildFacade } from './facade.ts';
import { Generations } from './generation.ts';
import { Metrics } from './metrics.ts';
import { loadRouting, routingOf, type Environment, type Loaded } from './routing.ts';
import type { Problem } from './routing/document.ts';
import { watchFile, type Watch } from './routing/watch.ts';
import { Verdicts } from './shadow/compare.ts';
import { Shadows } from './shadow/shadows.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface StartOptions {
  readonly file: string;
  readonly listen: Address;
  readonly admin: Address;
  readonly env: Environment;
  readonly token: string | null;
  /** Share of requests in the access log, 0 to 1. */
  readonly sample: number;
  /** How long a caller may neither send nor read where it has to, in milliseconds; default CALLER_IDLE_MS. */
  readonly idleMs?: number;
}

export interface Running {
  /** `http://127.0.0.1:8080`, with the port that was really taken. */
  readonly url: string;
  readonly adminUrl: string;
  /** Reads the routing file again, changed or not. */
  reload(): void;
  /** Stops taking requests, lets those in hand end, closes. Resolves within DRAIN_MS and a little, each time it is called. */
  close(): Promise<void>;
}

/** What a start can come to, besides running. */
export type Started =
  | { readonly kind: 'running'; readonly running: Running; readonly warnings: readonly Problem[] }
  | { readonly kind: 'rejected'; readonly problems: readonly Problem[] };

// The contract gives the whole stack ten seconds to stop; what comes after the drain takes its time on a busy machine.
const DRAIN_MS = 7_000;
// Connections that were busy at the beginning of the drain are closed when they fall idle.
const REAP_MS = 50;

/**
 * @throws GatewayError GW_BAD_CONFIG (no such file; a public admin port without a token), GW_BAD_WSDL, GW_CANNOT_LISTEN
 */
export async function start(options: StartOptions): Promise<Started> {
  if (options.token === null && !isLoopback(options.admin.host)) {
    throw new GatewayError(
      'GW_BAD_CONFIG',
      `the admin port would be reachable at ${options.admin.host} without a token: set BANYAN_ADMIN_TOKEN, or listen on 127.0.0.1`,
    );
  }
  const loaded = await loadRouting(options.file, options.env);
  if (loaded.kind === 'rejected') return { kind: 'rejected', problems: loaded.problems };
  const generations = await Generations.open(loaded, Date.now());
  const log = pino({ name: 'gateway' }, pino.destination({ dest: 2, sync: false }));
  const metrics = new Metrics();
  generations.fleet.onTurn = (turn) => log.warn(turn, 'a URL was taken out, or is back');
  let draining: Promise<void> | null = null;
  const closing = (): boolean => draining !== null;
  const observer: Observer = { metrics, log, sample: options.sample, closing };
  const shadows = new Shadows({
    metrics,
    log,
    comparer: new Verdicts(metrics, log),
    out: (name, url) => isOut(generations, name, url),
  });
  const facade: FastifyInstance = buildFacade({
    generations,
    observer,
    shadows,
    publicUrl: () => urlOf(facade),
    idleMs: options.idleMs ?? CALLER_IDLE_MS,
  });
  const admin = buildAdmin({
    generations,
    metrics,
    file: options.file,
    env: options.env,
    token: options.token,
    hosts: [options.admin.host.toLowerCase()],
    draining: closing,
    shadows: () => shadows.status(),
    reload: () => watch.poke(),
  });
  const sockets = socketsOf(facade);
  try {
    await listen(facade, options.listen, '--listen');
    await listen(admin, options.admin, '--admin');
  } catch (error) {
    await Promise.allSettled([facade.close(), admin.close(), generations.fleet.destroy()]);
    throw error;
  }
  const watch = watchFile(options.file, loaded.text, (bytes) =>
    take(routingOf(options.file, bytes, options.env), generations, log),
  );
  const close = (): Promise<void> => {
    // Nobody waits for a second answer.
    shadows.close();
    return (draining ??= drain({ facade, admin, generations, watch, sockets }));
  };
  const running = { url: urlOf(facade), adminUrl: urlOf(admin), reload: () => void watch.poke(), close };
  return { kind: 'running', running, warnings: loaded.warnings };
}

/** Puts a changed file in force, or says why not. */
async function take(loaded: Loaded, generations: Generations, log: Logger): Promise<void> {
  try {
    if (loaded.kind === 'accepted') {
      if (loaded.hash === generations.current.hash) return generations.confirm();
      const { number, hash } = await generations.adopt(loaded, Date.now());
      return log.info({ generation: number, hash, warnings: loaded.warnings.length }, 'routing file accepted');
    }
    generations.reject({ hash: loaded.hash, problems: loaded.problems, at: Date.now() });
    log.error({ hash: loaded.hash, problems: loaded.problems }, 'routing file rejected; the last good one serves on');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    generations.reject({ hash: loaded.hash, problems: [{ line: 1, column: 1, message }], at: Date.now() });
    log.error({ err: error }, 'routing file rejected; the last good one serves on');
  }
}

/** Whether a URL is left out for the moment, as its health or its callers' connections say. */
function isOut({ fleet }: Generations, name: string, url: string): boolean {
  return fleet.get(name)?.members.some((member) => member.url === url && member.out) ?? false;
}

function socketsOf(app: FastifyInstance): Set<Socket> {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

interface Parts {
  readonly facade: FastifyInstance;
  readonly admin: FastifyInstance;
  readonly generations: Generations;
  readonly watch: Watch;
  /** Every connection of the public port, upgraded ones too: node forgets those. */
  readonly sockets: ReadonlySet<Socket>;
}

async function drain({ facade, admin, generations, watch, sockets }: Parts): Promise<void> {
  watch.close();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((done) => {
    timer = setTimeout(done, DRAIN_MS);
  });
  const quiet = facade.close();
  const reap = (): void => {
    facade.server.closeIdleConnections();
    // Opened in advance and never used: idle as well, though not to node.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
  const reaper = setInterval(reap, REAP_MS);
  await Promise.race([quiet, deadline]);
  clearInterval(reaper);
  for (const socket of sockets) socket.destroy();
  clearTimeout(timer);
  await Promise.allSettled([quiet, admin.close(), generations.fleet.destroy()]);
}

async function listen(app: FastifyInstance, { host, port }: Address, flag: string): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'EADDRINUSE' ? 'the port is taken' : code === 'EACCES' ? 'not permitted' : code;
    throw new GatewayError(
      'GW_CANNOT_LISTEN',
      `cannot listen on ${host}:${port}: ${why}. Choose another with ${flag} HOST:PORT`,
      { cause: error },
    );
  }
}

function urlOf(app: FastifyInstance): string {
  const address = app.server.address();
  if (address === null || typeof address === 'string') return '';
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
