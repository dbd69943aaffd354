/**
 * The services of the example as processes: which program, with which arguments, in which environment. Each gets the URLs of
 * its own databases and of no other.
 */
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PORT_VARIABLES, type Config, type Ports } from './config.ts';
import { StackError } from './errors.ts';
import type { Service } from './run.ts';

/** URLs with their logins; they hold passwords. */
export interface Urls {
  readonly legacy: string;
  readonly orders: string;
  readonly backbone: string;
  /** The monolith's database, as cdc connects to it. */
  readonly cdc: string;
}

/** What the connector of the monolith's database is called, there and on the backbone. */
export const PUBLICATION = 'banyan_legacy';
const SLOT = 'banyan_legacy';
const TOPIC_PREFIX = 'legacy';

// Together with Postgres' 3.5 s less than the 10 s that the whole may take. The facade has the most to finish: its answers.
const STOP_LIMIT_MS = 1_200;
const FACADE_STOP_LIMIT_MS = 2_500;

const OWNER_ONLY = 0o600;

type Name = 'legacy' | 'cdc' | 'orders' | 'gateway';

const FOLDERS: Readonly<Record<Name, string>> = {
  legacy: 'legacy-monolith',
  cdc: 'cdc',
  orders: 'new-order-ms',
  gateway: 'gateway',
};

/** @throws StackError STACK_NOT_BUILT naming the first program that is not there */
export function assertBuilt(root: string): void {
  for (const name of Object.keys(FOLDERS) as Name[]) {
    const file = programOf(root, name);
    if (!existsSync(file))
      throw new StackError('STACK_NOT_BUILT', `${file} is missing: ${name} has not been built. Run "npm run build".`);
  }
}

function programOf(root: string, name: Name): string {
  return join(root, FOLDERS[name], 'dist', 'main.js');
}

/**
 * @param root folder of the repository, where the built programs are
 * @param env this process's own environment, which all inherit but for what belongs to one of them
 * @param cdcConfigFile see {@link writeCdcConfig}
 */
export function services(
  config: Config,
  urls: Urls,
  { root, env, cdcConfigFile }: { root: string; env: NodeJS.ProcessEnv; cdcConfigFile: string },
): Readonly<Record<Name, Service>> {
  const { ports } = config;
  const common = shared(env, ports);
  const program = (name: Name): string => programOf(root, name);
  const at = (port: number): string => `http://127.0.0.1:${port}/readyz`;
  const token = config.adminToken === null ? {} : { BANYAN_ADMIN_TOKEN: config.adminToken };
  return {
    legacy: {
      name: 'legacy',
      args: [program('legacy')],
      env: { ...common, DATABASE_URL_LEGACY: urls.legacy },
      readyUrl: at(ports.legacy),
      stopLimitMs: STOP_LIMIT_MS,
    },
    cdc: {
      name: 'cdc',
      args: [program('cdc'), '--config', cdcConfigFile],
      env: common,
      readyUrl: at(ports.cdc),
      stopLimitMs: STOP_LIMIT_MS,
    },
    orders: {
      name: 'orders',
      args: [program('orders')],
      env: { ...common, DATABASE_URL_ORDERS: urls.orders, DATABASE_URL_BACKBONE: urls.backbone },
      readyUrl: at(ports.orders),
      stopLimitMs: STOP_LIMIT_MS,
    },
    gateway: {
      name: 'gateway',
      // As its own launcher starts it (docs/operations.md).
      args: ['--max-semi-space-size=32', program('gateway'), 'start', '--routing', config.routingFile].concat(
        ['--listen', `127.0.0.1:${ports.gateway}`],
        ['--admin', `127.0.0.1:${ports.admin}`],
      ),
      env: { ...common, ...token, BANYAN_WORKERS: String(config.workers) },
      readyUrl: at(ports.admin),
      stopLimitMs: FACADE_STOP_LIMIT_MS,
    },
  };
}

/**
 * Writes the connector's configuration into the data folder and returns its path. Only its owner may read it: the database's
 * URL holds a password.
 */
export async function writeCdcConfig(dataDir: string, urls: Urls, port: number): Promise<string> {
  const file = join(dataDir, 'cdc.yaml');
  const settings: Readonly<Record<string, string | readonly string[]>> = {
    database: urls.cdc,
    slot: SLOT,
    publication: PUBLICATION,
    tables: ['public.*'],
    topicPrefix: TOPIC_PREFIX,
    // A slot that is lost (its WAL was removed, or the server was restored) is answered by reading everything again.
    snapshot: 'when_needed',
    sink: 'log',
    log: urls.backbone,
    listen: `127.0.0.1:${port}`,
  };
  // JSON's texts and lists are YAML's too.
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
  const text = `# Written by the stack at each start.\n${lines.join('')}`;
  await writeFile(file, text, { mode: OWNER_ONLY });
  await chmod(file, OWNER_ONLY); // The mode above counts only for a file that is new.
  return file;
}

/** The environment of every service: the ports of all (routing.yaml may name them), and nobody's database or token. */
function shared(env: NodeJS.ProcessEnv, ports: Ports): NodeJS.ProcessEnv {
  const inherited = Object.entries(env).filter(([name]) => !/^(DATABASE_URL_|BANYAN_ADMIN_TOKEN$)/.test(name));
  const names = Object.entries(PORT_VARIABLES) as [keyof Ports, string][];
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(names.map(([key, name]) => [name, String(ports[key])])),
  };
}
