/** The facade as a process of its own, with a routing file of its own; gone at the end of the test. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { run, type Running } from '../../test/support/processes.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface Standalone {
  readonly running: Running;
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly file: string;
}

interface How {
  readonly env?: Readonly<Record<string, string>>;
  /** Of the public and the admin port; default any that are free. */
  readonly ports?: readonly [listen: number, admin: number];
}

/**
 * @param yaml the routing file
 * @param more arguments of `banyan start`
 */
export async function startProcess(yaml: string, more: readonly string[] = [], how: How = {}): Promise<Standalone> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-process-'));
  const file = join(folder, 'routing.yaml');
  await writeFile(file, yaml);
  const { ports: [listen, admin] = [0, 0], env = {} } = how;
  const addresses = ['--listen', `127.0.0.1:${listen}`, '--admin', `127.0.0.1:${admin}`];
  const running = run(process.execPath, [program, 'start', '--routing', file, ...addresses, ...more], { env });
  onTestFinished(async () => {
    await running.stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const url = (await running.line(/^ready /)).slice('ready '.length);
  const adminUrl = (await running.line(/^admin /)).slice('admin '.length);
  return { running, url, adminUrl, file, port: Number(new URL(url).port) };
}
