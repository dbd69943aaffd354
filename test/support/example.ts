/**
 * The whole example as `npm start` runs it, for end-to-end tests: the real services in real processes, on ports and a data
 * folder of their own, with a copy of `routing.yaml` that a test may edit.
 */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freeOnes } from './free.ts';
import { run, type Running } from './processes.ts';

/** Folder of the repository. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** A place for one or several starts of the example, one after the other. */
export interface Place {
  readonly folder: string;
  readonly dataDir: string;
  readonly routingFile: string;
  /** What `npm start` reads; ports, folders, and a small seed. */
  readonly env: Readonly<Record<string, string>>;
  /** Base URLs, without a trailing slash. */
  readonly facade: string;
  readonly admin: string;
  readonly legacy: string;
  readonly orders: string;
  readonly cdc: string;
  /** Starts the stack; `more` is set over `env`. Wait for `line(READY)`. */
  start(more?: Readonly<Record<string, string>>): Running;
  /** Removes the folder. */
  remove(): Promise<void>;
}

/** The last line of a start. */
export const READY: RegExp = /^ready http:\/\/127\.0\.0\.1:\d+$/;

/** @param orders how many the monolith makes at its first start */
export async function makePlace(orders = 300): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-example-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const dataDir = join(folder, 'data');
  const routingFile = join(folder, 'routing.yaml');
  // WSDLs are named relative to the file: in a copy elsewhere by their whole path.
  const table = await readFile(join(root, 'routing.yaml'), 'utf8');
  await writeFile(routingFile, table.replaceAll('file: legacy-monolith/', `file: ${join(root, 'legacy-monolith')}/`));
  const names = ['GATEWAY_PORT', 'ADMIN_PORT', 'LEGACY_PORT', 'ORDERS_PORT', 'CDC_PORT', 'POSTGRES_PORT'] as const;
  const ports = await freeOnes(names.length);
  const portOf = (name: (typeof names)[number]): string => String(ports[names.indexOf(name)]);
  const at = (name: (typeof names)[number]): string => `http://127.0.0.1:${portOf(name)}`;
  const env = {
    ...Object.fromEntries(names.map((name) => [name, portOf(name)])),
    DATA_DIR: dataDir,
    ROUTING_FILE: routingFile,
    LEGACY_SEED_ORDERS: String(orders),
    LEGACY_SEED_CUSTOMERS: String(Math.max(1, Math.ceil(orders / 10))),
  };
  return {
    folder,
    dataDir,
    routingFile,
    env,
    facade: at('GATEWAY_PORT'),
    admin: at('ADMIN_PORT'),
    legacy: at('LEGACY_PORT'),
    orders: at('ORDERS_PORT'),
    cdc: at('CDC_PORT'),
    start: (more = {}) =>
      run(process.execPath, ['--enable-source-maps', join(root, 'stack/dist/main.js')], {
        env: { ...env, ...more },
        cwd: root,
      }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
