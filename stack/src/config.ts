/**
 * The environment of `npm start`, read here and nowhere else. Everything that is wrong with it is reported at once, and no
 * message repeats a URL, which may hold a password.
 */
import { resolve } from 'node:path';
import { StackError } from './errors.ts';

/** Where each part listens, on 127.0.0.1. */
export interface Ports {
  readonly gateway: number;
  readonly admin: number;
  readonly legacy: number;
  readonly orders: number;
  readonly cdc: number;
  readonly postgres: number;
}

/** The databases that are used today, each a server given by URL or (null) the embedded one. */
export interface DatabaseUrls {
  readonly legacy: string | null;
  readonly orders: string | null;
  readonly backbone: string | null;
}

export interface Config {
  readonly ports: Ports;
  readonly databaseUrls: DatabaseUrls;
  /** Absolute. */
  readonly dataDir: string;
  /** Absolute. */
  readonly routingFile: string;
  /** Processes of the facade. */
  readonly workers: number;
  readonly adminToken: string | null;
  /** What the environment asks for and this version does not do; to be shown, not fatal. */
  readonly notices: readonly string[];
}

/** Which variable sets which port. */
export const PORT_VARIABLES: Readonly<Record<keyof Ports, string>> = {
  gateway: 'GATEWAY_PORT',
  admin: 'ADMIN_PORT',
  legacy: 'LEGACY_PORT',
  orders: 'ORDERS_PORT',
  cdc: 'CDC_PORT',
  postgres: 'POSTGRES_PORT',
};

/** Which variable gives which database. */
export const DATABASE_VARIABLES: Readonly<Record<keyof DatabaseUrls, string>> = {
  legacy: 'DATABASE_URL_LEGACY',
  orders: 'DATABASE_URL_ORDERS',
  backbone: 'DATABASE_URL_BACKBONE',
};

const DEFAULT_PORTS: Ports = { gateway: 8080, admin: 9090, legacy: 8081, orders: 8082, cdc: 8083, postgres: 54_329 };
const HIGHEST_PORT = 65_535;
const MOST_WORKERS = 64; // More than the cores of a machine that one would run an example on.

// Of services that are not there yet (contract): said rather than passed over in silence.
const NOT_USED_YET = ['VOYAGES_PORT', 'CONTAINERS_PORT', 'DATABASE_URL_VOYAGES', 'DATABASE_URL_CONTAINERS'];

type Env = Readonly<Record<string, string | undefined>>;

/**
 * @param cwd what relative paths are relative to
 * @throws StackError STACK_BAD_CONFIG naming every variable that is wrong
 */
export function readConfig(env: Env, cwd: string): Config {
  const problems: string[] = [];
  const number = (name: string, fallback: number, most: number): number => {
    const text = env[name]?.trim() || String(fallback);
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= most) return value;
    problems.push(`${name}: "${text}" is not a whole number from 1 to ${most}`);
    return fallback;
  };
  const port = (key: keyof Ports): number => number(PORT_VARIABLES[key], DEFAULT_PORTS[key], HIGHEST_PORT);
  const url = (key: keyof DatabaseUrls): string | null => {
    const name = DATABASE_VARIABLES[key];
    const text = env[name]?.trim() || null;
    if (text !== null && !(URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)))
      problems.push(`${name}: not a URL such as postgres://user:password@127.0.0.1:5432/database`);
    return text;
  };
  if (env['KAFKA_BROKERS']?.trim())
    problems.push('KAFKA_BROKERS: Kafka as the backbone is not supported yet; unset it to use the log in Postgres');
  const ports: Ports = {
    gateway: port('gateway'),
    admin: port('admin'),
    legacy: port('legacy'),
    orders: port('orders'),
    cdc: port('cdc'),
    postgres: port('postgres'),
  };
  const databaseUrls: DatabaseUrls = { legacy: url('legacy'), orders: url('orders'), backbone: url('backbone') };
  const workers = number('BANYAN_WORKERS', 1, MOST_WORKERS);
  problems.push(...collisions(ports, isEmbedded(databaseUrls)));
  if (problems.length > 0)
    throw new StackError(
      'STACK_BAD_CONFIG',
      `The environment cannot be used:\n${problems.map((p) => `  ${p}`).join('\n')}`,
    );
  return {
    ports,
    databaseUrls,
    workers,
    dataDir: resolve(cwd, env['DATA_DIR']?.trim() || '.data'),
    routingFile: resolve(cwd, env['ROUTING_FILE']?.trim() || 'routing.yaml'),
    adminToken: env['BANYAN_ADMIN_TOKEN'] || null,
    notices: NOT_USED_YET.filter((name) => env[name]).map(
      (name) => `${name} is set, but its service is not part of the stack yet`,
    ),
  };
}

/** Whether a Postgres is to be started: it is, unless every database is given by URL. */
export function isEmbedded(urls: DatabaseUrls): boolean {
  return Object.values(urls).some((url) => url === null);
}

function collisions(ports: Ports, embedded: boolean): string[] {
  const names = (Object.keys(PORT_VARIABLES) as (keyof Ports)[]).filter((key) => embedded || key !== 'postgres');
  return names.flatMap((key, index) => {
    const other = names.slice(0, index).find((earlier) => ports[earlier] === ports[key]);
    return other === undefined ? [] : [`${PORT_VARIABLES[key]}: ${ports[key]} is ${PORT_VARIABLES[other]} already`];
  });
}
