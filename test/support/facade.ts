/** A facade alone, in this process, with a table that a test may replace; and servers behind it. */
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '@banyan/gateway/start';
import { vi } from 'vitest';

export interface Facade {
  readonly url: string;
  readonly adminUrl: string;
  /** Replaces the table and resolves when the new one is in force. */
  turn(table: string): Promise<void>;
  close(): Promise<void>;
}

/** @param table the text of a `routing.yaml` */
export async function openFacade(table: string, more: { readonly idleMs?: number } = {}): Promise<Facade> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-facade-'));
  const file = join(folder, 'routing.yaml');
  await writeFile(file, table);
  const free = { host: '127.0.0.1', port: 0 };
  const started = await start({ file, listen: free, admin: free, env: {}, token: null, sample: 0, ...more });
  if (started.kind === 'rejected') throw new Error(JSON.stringify(started.problems));
  const { running } = started;
  const { url, adminUrl } = running;
  const generation = async (): Promise<number> =>
    ((await (await fetch(`${adminUrl}/api/status`)).json()) as { generation: number }).generation;
  return {
    url,
    adminUrl,
    turn: async (next) => {
      const before = await generation();
      await writeFile(`${file}.next`, next);
      await rename(`${file}.next`, file);
      await vi.waitUntil(async () => (await generation()) > before, { timeout: 15_000, interval: 20 });
    },
    close: async () => {
      await running.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Behind {
  readonly url: string;
  close(): Promise<void>;
}

/** A server that does what the listener says. */
export async function behind(listener: RequestListener): Promise<Behind> {
  const server = createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves the WSDL of `?wsdl` and the schemas beside it from a folder; false when something else is asked for. */
export async function describing(folder: string, ...[req, res]: Parameters<RequestListener>): Promise<boolean> {
  if (req.method !== 'GET') return false;
  const { pathname, search } = new URL(req.url ?? '/', 'http://a');
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  const file = /^\?wsdl$/i.test(search) ? `${name}.wsdl` : name;
  res.setHeader('content-type', 'text/xml; charset=utf-8');
  res.end(await readFile(join(folder, file)));
  return true;
}
