/**
 * The order service's settings, read from the environment here and nowhere else. All problems are reported at once, and none
 * shows a password.
 */
import { z } from 'zod';
import { OrdersError } from './errors.ts';

/** What `npx orders` needs too. */
export interface StoreConfig {
  readonly databaseUrl: string;
  readonly backboneUrl: string;
}

export interface Config extends StoreConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info';
}

const databaseUrl = z.string('is required: a URL such as postgres://user:password@127.0.0.1:5432/orders').refine(
  (text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text),
  'must be a postgres:// URL', // Without its text: it holds a password.
);

const role = z.enum(['query', 'all', 'command'], 'must be query, command or all').default('all');

const environment = z.object({
  ORDERS_HOST: z.string().min(1).default('127.0.0.1'),
  ORDERS_PORT: z.coerce.number('must be a port').int().min(0).max(65_535).default(8082),
  ORDERS_ROLE: role,
  ORDERS_LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info']).default('warn'),
  DATABASE_URL_ORDERS: databaseUrl,
  DATABASE_URL_BACKBONE: databaseUrl,
  KAFKA_BROKERS: z.string().optional(),
});

/**
 * Reads the settings of the server.
 * @throws OrdersError ORD_BAD_CONFIG naming every variable that is wrong, ORD_NOT_SUPPORTED
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const read = parsed(environment, env);
  refuseKafka(read.KAFKA_BROKERS);
  if (read.ORDERS_ROLE === 'command')
    throw new OrdersError('ORD_NOT_SUPPORTED', 'ORDERS_ROLE=command is not supported yet: set query or all.');
  return {
    host: read.ORDERS_HOST,
    port: read.ORDERS_PORT,
    databaseUrl: read.DATABASE_URL_ORDERS,
    backboneUrl: read.DATABASE_URL_BACKBONE,
    logLevel: read.ORDERS_LOG_LEVEL,
  };
}

/** Reads the settings of `npx orders`. Throws as {@link readConfig} does. */
export function readStoreConfig(env: NodeJS.ProcessEnv = process.env): StoreConfig {
  const read = parsed(
    environment.pick({ DATABASE_URL_ORDERS: true, DATABASE_URL_BACKBONE: true, KAFKA_BROKERS: true }),
    env,
  );
  refuseKafka(read.KAFKA_BROKERS);
  return { databaseUrl: read.DATABASE_URL_ORDERS, backboneUrl: read.DATABASE_URL_BACKBONE };
}

function refuseKafka(brokers: string | undefined): void {
  if (brokers === undefined || brokers === '') return;
  const message = 'KAFKA_BROKERS is set, and Kafka is not supported yet: unset it, and set DATABASE_URL_BACKBONE.';
  throw new OrdersError('ORD_NOT_SUPPORTED', message);
}

function parsed<T>(shape: z.ZodType<T>, env: NodeJS.ProcessEnv): T {
  const result = shape.safeParse(env);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new OrdersError(
    'ORD_BAD_CONFIG',
    `The order service cannot start, its settings are wrong:\n${problems.join('\n')}`,
  );
}
