/**
 * ReeferDesk's settings, read from the environment here and nowhere else. All problems are reported at once.
 */
import { z } from 'zod';
import { ReeferError } from './errors.ts';

export interface Config {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly databaseUrl: string;
  readonly seedOrders: number;
  readonly seedCustomers: number;
  /** Where clients reach ReeferDesk, without a trailing slash; null: where it listens. Stands in the WSDL. */
  readonly publicUrl: string | null;
  /** `info` writes a line for each request. */
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info';
}

const MOST_ROWS = 10_000_000; // The generator's own bound.

const count = (fallback: number): z.ZodType<number> =>
  z.coerce.number().int().min(0).max(MOST_ROWS).default(fallback) as z.ZodType<number>;

const databaseUrl = z.string('is required: a URL such as postgres://user:password@127.0.0.1:5432/legacy').refine(
  (text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text),
  'must be a postgres:// URL', // Without its text: it holds a password.
);

const environment = z.object({
  LEGACY_HOST: z.string().min(1).default('127.0.0.1'),
  LEGACY_PORT: z.coerce.number().int().min(0).max(65_535).default(8081),
  DATABASE_URL_LEGACY: databaseUrl,
  LEGACY_SEED_ORDERS: count(20_000),
  LEGACY_SEED_CUSTOMERS: count(2_000),
  LEGACY_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  LEGACY_LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info']).default('warn'),
});

/**
 * Reads the settings of the server.
 * @throws ReeferError RD_BAD_CONFIG naming every variable that is wrong
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const read = parsed(environment, env);
  return {
    host: read.LEGACY_HOST,
    port: read.LEGACY_PORT,
    databaseUrl: read.DATABASE_URL_LEGACY,
    seedOrders: read.LEGACY_SEED_ORDERS,
    seedCustomers: read.LEGACY_SEED_CUSTOMERS,
    publicUrl: read.LEGACY_PUBLIC_URL ?? null,
    logLevel: read.LEGACY_LOG_LEVEL,
  };
}

/** What the seed command needs. */
export interface SeedConfig {
  readonly databaseUrl: string;
  readonly orders: number;
  readonly customers: number;
}

/**
 * Reads the settings of the seed command.
 * @param args `--orders N --customers N`, as `parseArgs` gave them
 * @throws ReeferError RD_BAD_CONFIG naming everything that is wrong
 */
export function readSeedConfig(
  args: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = process.env,
): SeedConfig {
  const shape = z.object({ DATABASE_URL_LEGACY: databaseUrl, '--orders': count(20_000), '--customers': count(2_000) });
  const read = parsed(shape, { ...env, '--orders': args['orders'], '--customers': args['customers'] });
  return { databaseUrl: read.DATABASE_URL_LEGACY, orders: read['--orders'], customers: read['--customers'] };
}

function parsed<T>(shape: z.ZodType<T>, given: Readonly<Record<string, unknown>>): T {
  // A variable that is set to nothing is not set: that is how a compose file leaves one out.
  const set = Object.entries(given).filter(([, value]) => value !== '');
  const result = shape.safeParse(Object.fromEntries(set));
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new ReeferError('RD_BAD_CONFIG', `ReeferDesk cannot start, its settings are wrong:\n${problems.join('\n')}`);
}
