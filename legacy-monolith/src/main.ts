/**
 * Starts ReeferDesk: settings, schema, seed, listening, and the orderly end. The only module that touches the process.
 */
import type { Server } from 'node:net';
import pino, { type Logger } from 'pino';
import { ReeferError, codeOf, codes, wordsOf } from './errors.ts';
import { connect, createSchema, openPool } from './database.ts';
import { readConfig, type Config } from './config.ts';
import { build } from './app.ts';
import { seed } from './seed.ts';

// Who stops this process waits five seconds for its end; half a second of them is for the end itself.
const STOP_LIMIT_MS = 4_500;

async function prepare(config: Config, logger: Logger): Promise<void> {
  const client = await connect(config.databaseUrl);
  try {
    if (await createSchema(client)) logger.info('schema created');
    const outcome = await seed(client, { orders: config.seedOrders, customers: config.seedCustomers });
    logger.info(outcome, 'seed');
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const config = readConfig();
  const logger = pino({ name: 'reeferdesk', level: config.logLevel }, pino.destination(2));
  await prepare(config, logger);
  const pool = openPool(config.databaseUrl);
  const app = await build({
    pool,
    logger,
    now: () => new Date(),
    publicUrl: () => config.publicUrl ?? whereOf(config, app.server.address()),
  });
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await pool.end();
    throw new ReeferError('RD_PORT', listenProblem(config, error), error);
  }

  const stop = async (): Promise<void> => {
    const late = setTimeout(() => {
      logger.warn('requests in hand were cut off');
      process.exit(0);
    }, STOP_LIMIT_MS);
    await app.close();
    await pool.end();
    clearTimeout(late);
  };
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      stop().catch((error: unknown) => fail(error));
    });
  }
  process.stdout.write(`ready ${whereOf(config, app.server.address())}\n`);
}

function whereOf(config: Config, address: ReturnType<Server['address']>): string {
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return `http://${host}:${port}`;
}

function listenProblem(config: Config, error: unknown): string {
  const where = `${config.host}:${config.port}`;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `Port ${config.port} of ${config.host} is taken: stop what listens there, or set LEGACY_PORT.`;
    case 'EACCES':
      return `Not allowed to listen on ${where}: set LEGACY_PORT to a port above 1023.`;
    default:
      return `Cannot listen on ${where} (${wordsOf(error)}): correct LEGACY_HOST and LEGACY_PORT.`;
  }
}

function fail(error: unknown): void {
  process.stderr.write(`${wordsOf(error)}\n`);
  process.exitCode = error instanceof ReeferError ? codes[error.code].exit : 2;
}

main().catch(fail);
