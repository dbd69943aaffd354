/**
 * The connector as a command: `start --config FILE`. Exit codes: 0 stopped as told, 1 had to stop, 2 used wrongly or could not
 * start. What went wrong is said in words on standard error; standard output is for `ready`, or for the events (`sink: stdout`).
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import pino, { type Logger } from 'pino';
import type { FastifyInstance } from 'fastify';
import { buildAdmin } from './admin.ts';
import { readConfig, type Config } from './config.ts';
import { Connector } from './connector.ts';
import type { Header } from './core/source.ts';
import { CdcError, exitOf } from './errors.ts';
import { sinkFor } from './sinks.ts';

const STOP_LIMIT_MS = 4_500; // Five seconds are promised.

const USAGE = 'usage: banyan cdc start --config FILE';

/**
 * Runs the command.
 * @param args without the program's name: `start --config cdc.yaml`
 * @returns the exit code, once everything is closed
 */
export async function cdc(args: readonly string[]): Promise<number> {
  const [subcommand, ...rest] = args;
  if (subcommand !== 'start') {
    complain(subcommand === undefined ? USAGE : `banyan cdc ${subcommand}: not supported yet\n${USAGE}`);
    return 2;
  }
  try {
    const config = await load(rest);
    await start(config);
    return 0;
  } catch (error) {
    complain(error instanceof CdcError ? `${error.code}: ${error.message}` : trace(error));
    return exitOf(error);
  }
}

async function load(args: readonly string[]): Promise<Config> {
  const file = configFile(args);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CdcError('CDC_BAD_CONFIG', `${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return readConfig(text, file, process.env);
}

function configFile(args: readonly string[]): string {
  try {
    const { values } = parseArgs({ args: [...args], options: { config: { type: 'string' } }, strict: true });
    if (values.config !== undefined) return values.config;
  } catch (error) {
    throw new CdcError('CDC_BAD_CONFIG', `${(error as Error).message}\n${USAGE}`, { cause: error });
  }
  throw new CdcError('CDC_BAD_CONFIG', `--config is missing\n${USAGE}`);
}

/** Runs until SIGTERM or SIGINT. @throws CdcError */
async function start(config: Config): Promise<void> {
  // Standard error: the other stream is for others.
  const log = pino({ level: config.logLevel, base: { service: 'cdc' } }, pino.destination({ dest: 2, sync: true }));
  const connector = new Connector({
    config,
    log,
    openSink: sinkFor(config, log),
    headers: contextHeaders(config),
    onReady: () => announce(config, app),
  });
  const app = buildAdmin(connector, { token: config.token });
  await listen(app, config);
  const stop = stopping(connector, log);
  try {
    await connector.run();
  } finally {
    stop.release();
    await app.close();
  }
}

async function listen(app: FastifyInstance, { listen: { host, port } }: Config): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    const { code } = error as NodeJS.ErrnoException;
    throw new CdcError(
      'CDC_PORT_TAKEN',
      code === 'EADDRINUSE'
        ? `${host}:${port} is taken. Stop what listens there, or choose another port under "listen"`
        : `cannot listen on ${host}:${port}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** With events on standard output, the word goes where the log goes. */
function announce({ sink }: Config, app: FastifyInstance): void {
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') return;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  const line = `ready http://${host}:${bound.port}\n`;
  (sink.kind === 'stdout' ? process.stderr : process.stdout).write(line);
}

function stopping(connector: Connector, log: Logger): { readonly release: () => void } {
  let told = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (told) return;
    told = true;
    log.info(`${signal}: stopping`);
    connector.stop();
    setTimeout(() => {
      log.error(
        `not stopped within ${STOP_LIMIT_MS} ms: leaving; what was not confirmed is sent again at the next start`,
      );
      process.exit(1);
    }, STOP_LIMIT_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return {
    release: () => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
    },
  };
}

/** What Debezium adds to every event since 3.2, where it is asked for. */
function contextHeaders({ contextHeaders: wanted, topicPrefix }: Config): readonly Header[] {
  if (!wanted) return [];
  const context: Readonly<Record<string, string>> = {
    connectorLogicalName: topicPrefix,
    taskId: '0',
    connectorName: 'postgresql',
    runId: randomUUID(),
  };
  return Object.entries(context).map(([key, value]) => ({ key: `__debezium.context.${key}`, value }));
}

function complain(message: string): void {
  process.stderr.write(`${message}\n`);
}

function trace(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
