/**
 * The order in which the example comes up: Postgres, the monolith with its schema and data, the connector, the order service
 * with a read model that has caught up, and the facade last, so that whatever it sends a request to is there.
 */
import { join } from 'node:path';
import { clearAway } from './cluster.ts';
import {
  DATABASE_VARIABLES,
  isEmbedded,
  PORT_VARIABLES,
  type Config,
  type DatabaseUrls,
  type Ports,
} from './config.ts';
import { assertFree } from './ports.ts';
import { assertAnswers, provision, publish, urlOf, type Owner } from './provision.ts';
import { runPostgres, runService, type Print, type Service } from './run.ts';
import { loadSecrets, secretsFile, type Secrets } from './secrets.ts';
import { assertBuilt, PUBLICATION, services, writeCdcConfig, type Urls } from './services.ts';
import type { Stack } from './stack.ts';

export interface Surroundings {
  readonly config: Config;
  /** Folder of the repository. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Takes the stack's own lines. */
  readonly print: Print;
  /** Takes the lines of one process. */
  readonly printOf: (name: string) => Print;
}

// Each many times what it takes on two cores: the limit is for what hangs, and says so; the progress lines are for what is slow.
const POSTGRES_LIMIT_MS = 180_000; // initdb on a slow disk, or crash recovery.
const LEGACY_LIMIT_MS = 180_000; // Makes 20,000 orders at the first start.
const CDC_LIMIT_MS = 120_000;
const ORDERS_LIMIT_MS = 600_000; // The whole first copy, of however large a database.
const GATEWAY_LIMIT_MS = 60_000;

/**
 * Brings everything up.
 * @returns the line that ends a start: `ready http://127.0.0.1:8080`
 * @throws StackError
 */
export async function bringUp(stack: Stack, around: Surroundings): Promise<string> {
  const { config, print } = around;
  config.notices.forEach(print);
  if (isEmbedded(config.databaseUrls)) await clearAway(join(config.dataDir, 'postgres')); // It may hold the port.
  await assertPortsFree(config);
  await assertServersAnswer(config.databaseUrls);
  assertBuilt(around.root);
  const secrets = await loadSecrets(config.dataDir);
  const server = `postgres://127.0.0.1:${config.ports.postgres}`;
  if (isEmbedded(config.databaseUrls)) await startDatabase(stack, around, { secrets, server });
  const urls = chooseUrls(config.databaseUrls, secrets, server);
  const cdcConfigFile = await writeCdcConfig(config.dataDir, urls, config.ports.cdc);
  const all = services(config, urls, { root: around.root, env: around.env, cdcConfigFile });
  const start = (service: Service, limitMs: number): Promise<void> =>
    stack.start(service.name, () => runService(service, around.printOf(service.name)), limitMs);

  await start(all.legacy, LEGACY_LIMIT_MS);
  if (config.databaseUrls.legacy === null) await publish(urlOf(server, 'postgres', secrets, 'legacy'), PUBLICATION);
  await start(all.cdc, CDC_LIMIT_MS);
  await start(all.orders, ORDERS_LIMIT_MS);
  await start(all.gateway, GATEWAY_LIMIT_MS);
  whereThingsAre(config).forEach(print);
  return `ready http://127.0.0.1:${config.ports.gateway}`;
}

// A connector that is down for long must not fill the disk with what it has yet to read; past this it reads the tables again.
const SLOT_LIMIT = 'max_slot_wal_keep_size=4GB';

interface Database {
  readonly secrets: Secrets;
  readonly server: string;
}

async function startDatabase(stack: Stack, around: Surroundings, { secrets, server }: Database): Promise<void> {
  const { config, printOf } = around;
  const options = {
    dataDir: join(config.dataDir, 'postgres'),
    port: config.ports.postgres,
    password: secrets.postgres,
    flags: [SLOT_LIMIT],
  };
  await stack.start('postgres', () => runPostgres(options, printOf('postgres')), POSTGRES_LIMIT_MS);
  const owners = ownersIn(config.databaseUrls);
  await provision(urlOf(server, 'postgres', secrets, 'postgres'), secrets, owners);
}

function chooseUrls(given: DatabaseUrls, secrets: Secrets, server: string): Urls {
  const own = (owner: Owner): string => urlOf(server, owner, secrets, owner);
  return {
    legacy: given.legacy ?? own('legacy'),
    orders: given.orders ?? own('orders'),
    backbone: given.backbone ?? own('backbone'),
    cdc: given.legacy ?? urlOf(server, 'cdc', secrets, 'legacy'),
  };
}

function ownersIn(given: DatabaseUrls): readonly Owner[] {
  return (Object.keys(DATABASE_VARIABLES) as Owner[]).filter((owner) => given[owner] === null);
}

/** Before anything is started, so that there is nothing to take back. */
async function assertPortsFree({ ports, databaseUrls }: Config): Promise<void> {
  const used = (Object.keys(PORT_VARIABLES) as (keyof Ports)[]).filter(
    (key) => key !== 'postgres' || isEmbedded(databaseUrls),
  );
  for (const key of used) await assertFree(ports[key], `${key} (set ${PORT_VARIABLES[key]} to use another)`);
}

async function assertServersAnswer(given: DatabaseUrls): Promise<void> {
  for (const key of Object.keys(DATABASE_VARIABLES) as (keyof DatabaseUrls)[]) {
    const url = given[key];
    if (url !== null) await assertAnswers(url, DATABASE_VARIABLES[key]);
  }
}

function whereThingsAre({ ports, databaseUrls, dataDir, routingFile }: Config): readonly string[] {
  const database = isEmbedded(databaseUrls)
    ? [`postgres   127.0.0.1:${ports.postgres}, passwords in ${secretsFile(dataDir)}`]
    : [];
  return [
    `facade     http://127.0.0.1:${ports.gateway} (REST under /api, SOAP under /soap)`,
    `its admin  http://127.0.0.1:${ports.admin}`,
    `monolith   http://127.0.0.1:${ports.legacy}`,
    `orders     http://127.0.0.1:${ports.orders}`,
    `cdc        http://127.0.0.1:${ports.cdc}`,
    ...database,
    `data       ${dataDir}`,
    `routing    ${routingFile} (edit it, or: npx banyan flip ROUTE STAGE)`,
  ];
}
