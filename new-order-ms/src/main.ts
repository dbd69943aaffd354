/**
 * Starts the order service: settings, read model, backbone, projection, listening, and the orderly end. The only module, with
 * the command's, that touches the process.
 */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import pino, { type Logger } from 'pino';
import { build } from './app.ts';
import { openLog } from './backbone.ts';
import { readConfig, type Config } from './config.ts';
import { prepare } from './copies.ts';
import { openPool } from './database.ts';
import { codeOf, codes, OrdersError, wordsOf } from './errors.ts';
import { Follower } from './follow.ts';
import { createFreshness } from './freshness.ts';
import { createMetrics } from './metrics.ts';
import { lagOf } from './core/freshness.ts';

// A batch takes milliseconds, a read two seconds at most; whoever stops this process waits 5 s.
const STOP_LIMIT_MS = 4_500;

async function main(): Promise<void> {
  const config = readConfig();
  const logger = pino({ name: 'orders', level: config.logLevel }, pino.destination(2));
  await prepare(config.databaseUrl);
  const backbone = await openLog(config.backboneUrl, 'orders', (error) => {
    logger.warn({ error: wordsOf(error) }, 'the backbone had trouble, and tries again');
  });
  const pool = openPool(config.databaseUrl);
  const follower: Follower = new Follower({
    databaseUrl: config.databaseUrl,
    backbone,
    log: logger,
    onEffect: (effect, progress, seconds) => metrics.applied(effect, progress, seconds),
  });
  const metrics = createMetrics({
    lagSeconds: () => lagOf(follower.progress?.applied ?? [], Date.now()) / 1_000,
    following: () => (follower.standing.kind === 'following' ? 1 : 0),
    halted: () => (follower.standing.kind === 'halted' ? 1 : 0),
    incomplete: () => follower.incompleteTables,
  });
  const freshness = createFreshness(pool, follower, () => Date.now());
  const app = build({ pool, logger, freshness, standing: () => follower.standing, metrics });
  const close = async (): Promise<void> => {
    await Promise.all([app.close(), follower.stop()]);
    await Promise.all([pool.end(), backbone.close()]);
  };
  try {
    await listen(app, config);
  } catch (error) {
    await close();
    throw error;
  }
  follower.start();
  stopOnSignals(close, logger);
  const { port } = app.server.address() as AddressInfo;
  process.stdout.write(`ready http://${config.host}:${port}\n`);
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new OrdersError('ORD_PORT', listenProblem(host, port, error), { cause: error });
  }
}

function listenProblem(host: string, port: number, error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken: stop what listens there, or set ORDERS_PORT.`;
    case 'EACCES':
      return `Not allowed to listen on ${host}:${port}: set ORDERS_PORT to a port above 1023.`;
    default:
      return `Cannot listen on ${host}:${port} (${wordsOf(error)}): correct ORDERS_HOST and ORDERS_PORT.`;
  }
}

function stopOnSignals(close: () => Promise<void>, logger: Logger): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      logger.warn('the service was cut off while stopping');
      process.exit(0); // Nothing is lost: what was not committed is read again.
    }, STOP_LIMIT_MS).unref();
    close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}

function fail(error: unknown): void {
  process.stderr.write(`${wordsOf(error)}\n`);
  process.exit(error instanceof OrdersError ? codes[error.code].exit : 2);
}

main().catch(fail);
