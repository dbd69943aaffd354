/**
 * The place where `bench facade` runs: servers behind, and proxies in front of them, started when they are asked for and stopped
 * together. The proxies have one core, which they use by turns; the load and the servers behind have another.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNode, startProgram, type Process } from '../process.ts';
import { environmentOf, type Peer } from './peer.ts';
import { routingText } from './workload.ts';

export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

export interface Proxy {
  readonly name: string;
  readonly process: Process;
  readonly port: number;
}

export interface BanyanOptions {
  readonly name: string;
  /** Routes with parameters in its file, besides the few of the other workloads. */
  readonly routes: number;
  readonly workers: number;
  /** The core that it has to itself; null: whichever is free. */
  readonly core: number | null;
  /** A folder for a CPU profile of node's; null: none is taken. */
  readonly profile: string | null;
}

export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The command that npm links, as an operator starts it. */
const BANYAN = fileURLToPath(new URL('../bin/banyan.js', import.meta.resolve('@banyan/gateway/main')));

const portOf = (line: string): number => Number(/(\d+)$/.exec(line)?.[1]);

export class Place {
  /** For scripts and settings. */
  readonly folder: string = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  readonly #started: Process[] = [];
  #ports: readonly [number, number, number] = [0, 0, 0];

  /** Starts the servers behind. To be called once, and first. */
  async open(): Promise<void> {
    const upstream = this.#keep(startNode([here('./upstream.js')], { core: LOAD_CORE }));
    const [legacy = 0, orders = 0, voyages = 0] = (await upstream.line(/^ready /)).split(' ').slice(1).map(Number);
    this.#ports = [legacy, orders, voyages];
  }

  /** The server behind itself, for what it and the load take without a proxy. */
  direct(): Proxy {
    const [process] = this.#started;
    if (process === undefined) throw new Error('the place has not been opened');
    return { name: 'no proxy', process, port: this.#ports[0] };
  }

  /** The facade by its real command, with everything on. @throws when it does not start, with what it said */
  async banyan({ name, routes, workers, core, profile }: BanyanOptions): Promise<Proxy> {
    const file = join(this.folder, `${name.replaceAll(/\W+/g, '-')}.yaml`);
    const [legacy, orders, voyages] = this.#ports.map((port) => `http://127.0.0.1:${port}`);
    writeFileSync(file, routingText([legacy ?? '', orders ?? '', voyages ?? ''], routes));
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const args = ['start', '--routing', file, ...ports, '--workers', String(workers)];
    const process = this.#keep(
      profile === null
        ? startProgram(BANYAN, args, { core })
        : startNode(['--cpu-prof', `--cpu-prof-dir=${profile}`, BANYAN, ...args], { core }),
    );
    return { name, process, port: portOf(await process.line(/^ready /)) };
  }

  async bare(): Promise<Proxy> {
    const process = this.#keep(
      startNode([here('./bare.js'), `http://127.0.0.1:${this.#ports[0]}`], { core: PROXY_CORE }),
    );
    return { name: 'bare', process, port: portOf(await process.line(/^ready /)) };
  }

  /** @throws when it does not answer in time, with what it said */
  async peer(peer: Peer): Promise<Proxy> {
    const folder = join(this.folder, peer.name);
    mkdirSync(folder);
    const port = await freePort();
    const args = peer.settle({ port, upstream: this.#ports[0], folder });
    const process = this.#keep(startProgram(peer.program, args, { core: PROXY_CORE, env: environmentOf(folder) }));
    const limit = performance.now() + ANSWER_LIMIT_MS;
    while ((await ask(port, '/1k'))?.status !== 200) {
      if (process.ended || performance.now() > limit) throw new Error(`does not answer: ${process.complaints()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { name: peer.name, process, port };
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((process) => process.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What does not become ready has to be stopped too. */
  #keep(process: Process): Process {
    this.#started.push(process);
    return process;
  }
}

const ANSWER_LIMIT_MS = 15_000; // From a program's start; each needs less than one second.
const ASK_LIMIT_MS = 2_000;

/** One GET on a connection of its own; null when there is no answer. */
export function ask(port: number, path: string): Promise<{ readonly status: number; readonly bytes: number } | null> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: ASK_LIMIT_MS }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
