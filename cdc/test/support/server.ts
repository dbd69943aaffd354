/** A Postgres of the test's own, which it may kill. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type EmbeddedPostgres } from '@banyan/stack/postgres';

export interface Server {
  /** Where its files are. */
  readonly dataDir: string;
  readonly url: string;
  readonly port: number;
  /** Of the postmaster that runs now. */
  readonly pid: number;
  /** As the kernel does it, to every process of the server. */
  readonly kill: () => Promise<void>;
  /** Resolves when it has ended. */
  readonly stop: (mode?: 'fast' | 'immediate') => Promise<void>;
  /** On the same data and port. */
  readonly start: () => Promise<void>;
  /** What it has logged since its last start. */
  readonly log: () => string;
  /** Stops it, and removes its files. */
  readonly remove: () => Promise<void>;
}

/**
 * @param flags settings as `name=value`
 * @param equip puts files into the data folder before the server runs with these settings
 */
export async function ownServer(
  flags: readonly string[] = [],
  equip: ((dataDir: string) => Promise<void>) | null = null,
): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-cdc-pg-'));
  await chmod(folder, 0o711); // As root, Postgres runs under another account and has to get through.
  const dataDir = join(folder, 'data');
  let lines: string[] = [];
  const onLog = (line: string): void => void lines.push(line);
  if (equip !== null) {
    await (await startPostgres({ dataDir, port: 0, password: 'test' })).stop();
    await equip(dataDir);
  }
  let server: EmbeddedPostgres = await startPostgres({ dataDir, port: 0, password: 'test', flags, onLog });
  const { port, url } = server;
  return {
    dataDir,
    url,
    port,
    get pid() {
      return server.pid;
    },
    kill: async () => {
      process.kill(-server.pid, 'SIGKILL');
      await server.exited;
    },
    stop: (mode) => server.stop(mode),
    start: async () => {
      lines = [];
      server = await startPostgres({ dataDir, port, password: 'test', flags, onLog });
    },
    log: () => lines.join('\n'),
    remove: async () => {
      await server.stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
