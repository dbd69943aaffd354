/**
 * Brings the facade up and takes it down: reads the file, listens on the public and the admin port, follows the file, drains.
 * Nothing listens before the file has been found valid. Whether this process serves or workers of it do is one choice, made here.
 */
import type { Logger } from 'pino';
import { isLoopback, cannotListen, urlOf, type Address } from './address.ts';
import { buildAdmin } from './admin.ts';
import { Alone } from './alone.ts';
import { Cluster } from './cluster.ts';
import type { Engine } from './engine.ts';
import { GatewayError } from './error.ts';
import type { Accepted } from './generation.ts';
import { openLog } from './log.ts';
import { BadBridges } from './soap/prove.ts';
import { loadRouting, routingOf, type Environment, type Loaded } from './routing.ts';
import type { Problem } from './routing/document.ts';
import { watchFile, type Watch } from './routing/watch.ts';

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
  /** Names in lower case of the request's fields that the access log shows; default none. */
  readonly logHeaders?: readonly string[];
  /** How many processes serve; default 1: this one. */
  readonly workers?: number;
  /** How long requests are still taken once `readyz` says that they will not be, in milliseconds; default 0. */
  readonly drainDelayMs?: number;
}

export interface Running {
  /** `http://127.0.0.1:8080`, with the port that was really taken. */
  readonly url: string;
  readonly adminUrl: string;
  /** Reads the routing file again, changed or not. */
  reload(): void;
  /** Replaces every worker, one after another, and says in the log what came of it. */
  renew(): void;
  /**
   * Stops taking requests, lets those in hand end, closes. Resolves within the delay, DRAIN_MS and a little, each time it is
   * called.
   */
  close(): Promise<void>;
}

/** What a start can come to, besides running. */
export type Started =
  | { readonly kind: 'running'; readonly running: Running; readonly warnings: readonly Problem[] }
  | { readonly kind: 'rejected'; readonly problems: readonly Problem[] };

// The contract gives the whole stack ten seconds to stop; what comes after the drain takes its time on a busy machine.
const DRAIN_MS = 7_000;

/**
 * @throws GatewayError GW_BAD_CONFIG (no such file; a public admin port without a token), GW_BAD_WSDL, GW_CANNOT_LISTEN,
 *   GW_NO_WORKER
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
  const log = openLog(null);
  let engine: Engine;
  try {
    engine = await engineOf(options, loaded, log);
  } catch (error) {
    if (error instanceof BadBridges) return { kind: 'rejected', problems: error.problems };
    throw error;
  }
  let draining: Promise<void> | null = null;
  const admin = buildAdmin({
    engine,
    file: options.file,
    env: options.env,
    token: options.token,
    hosts: [options.admin.host.toLowerCase()],
    draining: () => draining !== null,
    reload: () => watch.poke(),
  });
  await engine.listen(options.listen);
  try {
    await admin.listen(options.admin);
  } catch (error) {
    await Promise.allSettled([engine.drain(), admin.close()]);
    throw cannotListen(options.admin, '--admin', error);
  }
  const watch: Watch = watchFile(options.file, loaded.text, (bytes) =>
    take(routingOf(options.file, bytes, options.env), engine, log),
  );
  const drain = async (): Promise<void> => {
    watch.close();
    engine.hush();
    // Whoever asks `readyz` now and then may still send what it will not send any more once it has.
    if (options.drainDelayMs !== undefined && options.drainDelayMs > 0)
      await new Promise((done) => setTimeout(done, options.drainDelayMs));
    await engine.drain();
    await admin.close();
  };
  const running: Running = {
    url: engine.url(),
    adminUrl: urlOf(admin.server),
    reload: () => void watch.poke(),
    renew: () => renew(engine, log),
    close: () => (draining ??= drain()),
  };
  return { kind: 'running', running, warnings: loaded.warnings };
}

function engineOf(options: StartOptions, loaded: Accepted, log: Logger): Promise<Engine> {
  const { file, sample, logHeaders = [], idleMs = null, workers = 1 } = options;
  const shared = { loaded, log, sample, logHeaders, idleMs };
  return workers === 1
    ? Alone.open(shared, DRAIN_MS)
    : Cluster.open({ ...shared, file, size: workers, deadlineMs: DRAIN_MS });
}

function renew(engine: Engine, log: Logger): void {
  if (engine.renew()) log.info('every worker is being replaced');
  else if (engine.workers() === null)
    log.warn(
      'there are no workers to replace: start with --workers 2 or more, or start another facade beside this one',
    );
  else log.warn('workers are not replaced now: they are being started, replaced or stopped already');
}

/** Puts a changed file in force, or says why not. */
async function take(loaded: Loaded, engine: Engine, log: Logger): Promise<void> {
  const { standing } = engine;
  try {
    if (loaded.kind === 'accepted') {
      if (loaded.hash === standing.current.hash) return standing.confirm();
      const { number, hash } = await engine.adopt(loaded);
      return log.info({ generation: number, hash, warnings: loaded.warnings.length }, 'routing file accepted');
    }
    standing.reject({ hash: loaded.hash, problems: loaded.problems, at: Date.now() });
    log.error({ hash: loaded.hash, problems: loaded.problems }, 'routing file rejected; the last good one serves on');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const problems = error instanceof BadBridges ? error.problems : [{ line: 1, column: 1, message }];
    standing.reject({ hash: loaded.hash, problems, at: Date.now() });
    log.error({ err: error }, 'routing file rejected; the last good one serves on');
  }
}
