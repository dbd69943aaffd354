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
import { codecFigures } from './codec.ts';
import { getOrders, messageOf, PATH, workloadOf } from './message.ts';
import { report } from './report.ts';

const WARM_SECONDS = 2;
const KB = 1_024;

type Name = 'bare' | 'rest' | 'whole' | 'operation' | 'bridged' | 'node-soap';

interface Contest {
  readonly name: string;
  readonly workload: Workload;
  readonly proxies: readonly Name[];
}

const CONTESTS: readonly Contest[] = [
  { name: 'soap2k', workload: workloadOf(2 * KB), proxies: ['bare', 'rest', 'whole'] },
  { name: 'soap200k', workload: workloadOf(200 * KB), proxies: ['bare', 'rest', 'operation', 'whole'] },
  { name: 'bridge', workload: getOrders(), proxies: ['bridged', 'node-soap'] },
];

export const NAMES: readonly string[] = [...CONTESTS.map(({ name }) => name), 'codec'];

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
    const codec = only === null || only.includes('codec') ? await codecFigures(options.rounds) : [];
    return report(samples, codec, say);
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Every proxy once a round, in the opposite order in every second round. */
async function compete(
  { name, workload, proxies }: Contest,
  all: ReadonlyMap<Name, Proxy>,
  { samples, folder, options }: { readonly samples: Samples; readonly folder: string; readonly options: BenchOptions },
): Promise<void> {
  const { rounds, seconds, say } = options;
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
    if (name === 'node-soap') {
      proxies.set(name, await start(name, startNode([here('./nodesoap.js'), WSDL], place)));
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
  for (const [name, proxy] of proxies)
    await (name === 'bridged' || name === 'node-soap' ? checkOrder(proxy) : check(proxy));
  return proxies;
}

/** The same settings for all: a write in a canary by customer, whose sides are one server. */
function routingText(name: Exclude<Name, 'bare' | 'node-soap'>, url: string): string {
  if (name === 'bridged') return bridgedText(url);
  const soapOf = (check: string): string => `wsdls:\n  ${PATH}: { file: "${WSDL}", check: ${check} }\n`;
  const match = name === 'rest' ? `POST ${PATH}` : `SOAP ${PATH} CreateOrder`;
  return `version: 1
upstreams: { legacy: "${url}", orders: "${url}" }
default: legacy
${name === 'rest' ? '' : soapOf(name)}routes:
  create: { match: "${match}", stage: canary 50%, new: orders, sticky: [header:x-customer-id, ip] }
`;
}

/** As the example's own file has it. */
function bridgedText(url: string): string {
  return `version: 1
upstreams: { legacy: "${url}", orders: "${url}" }
default: legacy
wsdls:
  ${PATH}: { file: "${WSDL}" }
routes:
  get:
    match: SOAP ${PATH} GetOrder
    effect: read
    stage: new
    new:
      upstream: orders
      rest: GET /api/orders/{orderId}
      response: order
      values: { OrderStatus: lower case, dateTime: utc without zone to the minute, Order.specialInstructions: json, string: replace illegal }
      faults: { 404: OrderNotFound }
`;
}

/** @throws when a proxy does not answer as the server behind it does, or tells the route wrongly: its figures would mean nothing */
async function check(proxy: Proxy): Promise<void> {
  const { status, route } = await ask(proxy, messageOf(2 * KB));
  const told = `${status} ${route}`;
  if (told !== `200 ${proxy.name === 'bare' ? 'undefined' : 'create'}`)
    throw new Error(`${proxy.name} answers ${told}`);
}

/** @throws when it does not answer with the order */
async function checkOrder(proxy: Proxy): Promise<void> {
  const { status, body } = await ask(proxy, getOrders().message?.text ?? '');
  const has = ['42', 'BOOKED', '605.00', 'SKU-42-2'].every((text) => body.includes(`>${text}</`));
  if (status !== 200 || !has) throw new Error(`${proxy.name} answers ${status} ${body.slice(0, 500)}`);
}

interface Told {
  readonly status: number | undefined;
  readonly route: string;
  readonly body: string;
}

function ask({ port }: Proxy, message: string): Promise<Told> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'text/xml; charset=utf-8' };
    const asking = request({ host: '127.0.0.1', port, path: PATH, method: 'POST', agent: false, headers }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => (body += text));
      answer.on('end', () =>
        resolve({ status: answer.statusCode, route: String(answer.headers['banyan-route']), body }),
      );
    });
    asking.on('error', reject);
    asking.end(message);
  });
}
