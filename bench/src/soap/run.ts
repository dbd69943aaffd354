/**
 * `bench soap`: what it costs the facade to know which operation a message calls. The same bytes pass bare @fastify/http-proxy, the
 * facade by a REST route for the same path (its forwarder without SOAP), and the facade by a SOAP route, with `check: whole` and with
 * `check: operation`; by turns, each on the same core, with the load and the server behind on another.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, BenchOptions, Figures } from '../bench.ts';
import { CONNECTIONS, measure, Samples } from '../facade/measure.ts';
import { LOAD_CORE, PROXY_CORE, type Proxy } from '../facade/place.ts';
import type { Workload } from '../facade/workload.ts';
import { hasWrk } from '../facade/wrk.ts';
import { pins, startNode, startProgram, type Process } from '../process.ts';
import { messageOf, PATH, workloadOf } from './message.ts';
import { report } from './report.ts';

const WARM_SECONDS = 2;
const KB = 1_024;

type Name = 'bare' | 'rest' | 'whole' | 'operation';

interface Contest {
  readonly name: string;
  readonly bytes: number;
  readonly proxies: readonly Name[];
}

const CONTESTS: readonly Contest[] = [
  { name: 'soap2k', bytes: 2 * KB, proxies: ['bare', 'rest', 'whole'] },
  { name: 'soap200k', bytes: 200 * KB, proxies: ['bare', 'rest', 'operation', 'whole'] },
];

export const NAMES: readonly string[] = CONTESTS.map(({ name }) => name);

export const soap: Bench = async (options): Promise<Figures> => {
  const { say, only } = options;
  say(`load by ${hasWrk ? 'wrk' : 'our own client'}, ${CONNECTIONS} connections; ${pins ? 'pinned' : 'not pinned'}`);
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const started: Process[] = [];
  try {
    const contests = CONTESTS.filter(({ name }) => only === null || only.includes(name));
    const names = [...new Set(contests.flatMap(({ proxies }) => proxies))];
    const proxies = await open(names, { folder, profile: options.profile, keep: (process) => started.push(process) });
    const samples = new Samples();
    for (const contest of contests) await compete(contest, proxies, { samples, folder, options });
    return report(samples, say);
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Every proxy once a round, in the opposite order in every second round. */
async function compete(
  { name, bytes, proxies }: Contest,
  all: ReadonlyMap<Name, Proxy>,
  { samples, folder, options }: { readonly samples: Samples; readonly folder: string; readonly options: BenchOptions },
): Promise<void> {
  const { rounds, seconds, say } = options;
  const workload: Workload = workloadOf(bytes);
  const turns = proxies.flatMap((proxy) => all.get(proxy) ?? []);
  for (const proxy of turns) await measure({ proxy, workload, seconds: WARM_SECONDS, perSecond: null, folder });
  for (let round = 0; round < rounds; round += 1) {
    for (const proxy of round % 2 === 0 ? turns : turns.toReversed())
      samples.add(name, proxy.name, await measure({ proxy, workload, seconds, perSecond: null, folder }));
    say(`${name}: round ${round + 1} of ${rounds}`);
  }
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const portOf = (line: string): number => Number(/(\d+)$/.exec(line)?.[1]);
/** The command that npm links, as an operator starts it. */
const BANYAN = fileURLToPath(new URL('../bin/banyan.js', import.meta.resolve('@banyan/gateway/main')));
const WSDL = fileURLToPath(new URL('../wsdl/OrderService.wsdl', import.meta.resolve('@banyan/legacy-monolith/main')));

interface Opening {
  readonly folder: string;
  readonly profile: string | null;
  /** Told of each process as soon as it runs: what does not become ready has to be stopped too. */
  readonly keep: (process: Process) => void;
}

async function open(names: readonly Name[], { folder, profile, keep }: Opening): Promise<ReadonlyMap<Name, Proxy>> {
  const start = async (name: string, process: Process): Promise<Proxy> => {
    keep(process);
    return { name, process, port: portOf(await process.line(/^ready /)) };
  };
  const { port } = await start('upstream', startNode([here('./upstream.js')], { core: LOAD_CORE }));
  const url = `http://127.0.0.1:${port}`;
  const proxies = new Map<Name, Proxy>();
  for (const name of names) {
    const place = { core: PROXY_CORE };
    if (name === 'bare') {
      proxies.set(name, await start(name, startNode([here('../facade/bare.js'), url], place)));
      continue;
    }
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, routingText(name, url));
    const args = ['start', '--routing', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const process =
      profile === null
        ? startProgram(BANYAN, args, place)
        : startNode(['--cpu-prof', `--cpu-prof-dir=${join(profile, name)}`, BANYAN, ...args], place);
    proxies.set(name, await start(name, process));
  }
  for (const proxy of proxies.values()) await check(proxy);
  return proxies;
}

/** The same settings for all: a write in a canary by customer, whose sides are one server. */
function routingText(name: Exclude<Name, 'bare'>, url: string): string {
  const soapOf = (check: string): string => `wsdls:\n  ${PATH}: { file: "${WSDL}", check: ${check} }\n`;
  const match = name === 'rest' ? `POST ${PATH}` : `SOAP ${PATH} CreateOrder`;
  return `version: 1
upstreams: { legacy: "${url}", orders: "${url}" }
default: legacy
${name === 'rest' ? '' : soapOf(name)}routes:
  create: { match: "${match}", stage: canary 50%, new: orders, sticky: [header:x-customer-id, ip] }
`;
}

/** @throws when a proxy does not answer as the server behind it does, or tells the route wrongly: its figures would mean nothing */
async function check({ name, port }: Proxy): Promise<void> {
  const told = await new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'text/xml; charset=utf-8' };
    const asking = request({ host: '127.0.0.1', port, path: PATH, method: 'POST', agent: false, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(`${answer.statusCode} ${String(answer.headers['banyan-route'])}`));
    });
    asking.on('error', reject);
    asking.end(messageOf(2 * KB));
  });
  if (told !== `200 ${name === 'bare' ? 'undefined' : 'create'}`) throw new Error(`${name} answers ${told}`);
}
