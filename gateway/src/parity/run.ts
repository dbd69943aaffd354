/**
 * `parity run`: sends each request of a corpus to both sides and judges the answers. The control is always the upstream named by
 * `default`, the candidate the route's `new`, whatever the stage. The control is asked again, so that what differs from itself
 * is known; verdicts are fixed when all has been asked.
 *
 * Only reads are sent. What is not sent or not compared is skipped with a reason, never silently.
 */
import { connect } from 'node:net';
import { compare, type Asked, type Comparison, type Skip } from '../core/compare.ts';
import { rulesFor, type Rules } from '../core/excuse.ts';
import type { Matched } from '../core/match.ts';
import { printPath } from '../core/path.ts';
import { expand } from '../core/pattern.ts';
import type { Route, Table, Upstream } from '../core/table.ts';
import { judge, shapeOf, type Judgement, type Observation } from '../core/verdict.ts';
import { GatewayError } from '../error.ts';
import type { Item } from './corpus.ts';
import { Side, type Question } from './send.ts';

export interface RunOptions {
  readonly table: Table;
  /** The route of a request: `path` without the query, as it came. Null when none matches. */
  readonly match: (method: string, path: string) => Matched | null;
  readonly corpus: readonly Item[];
  /** `2027-06-30`, in UTC: which entries of the ledger are in force. */
  readonly today: string;
  /** How often the control is asked; from 2 on it is known what differs from itself. */
  readonly repeat: number;
  /** Requests under way at a time; each asks both sides. */
  readonly concurrency: number;
}

export interface Result extends Judgement {
  readonly item: Item;
  /** The route's id, or `default` when no route matches. */
  readonly route: string;
}

// Live shadowing may take 50 ms and 10 MiB for one comparison; a run, which nobody waits for, twenty times that.
const BUDGET_MS = 20 * 50;
const BUDGET_BYTES = 20 * 10 * 1024 * 1024;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * @returns one result for each request, in the corpus' order
 * @throws GatewayError GW_UPSTREAM_UNREACHABLE when the control does not listen
 */
export async function run(options: RunOptions): Promise<readonly Result[]> {
  const plans = options.corpus.map((item) => planOf(item, options));
  const sides = new Sides(options);
  try {
    if (plans.some((plan) => plan.kind === 'ask')) await sides.open();
    const observed = await inParallel(plans, options.concurrency, (plan) => observe(plan, sides, options));
    const judgements = judge(observed);
    return options.corpus.flatMap((item, index) => {
      const judgement = judgements[index];
      const route = plans[index]?.route ?? 'default';
      return judgement === undefined ? [] : [{ ...judgement, item, route }];
    });
  } finally {
    await sides.close();
  }
}

/** What is to be done with one request. */
type Plan =
  | { readonly kind: 'skip'; readonly route: string; readonly because: Skip }
  | {
      readonly kind: 'ask';
      readonly route: string;
      readonly control: Question;
      readonly candidate: Question;
      readonly upstream: string;
      readonly rules: Rules;
    };

function planOf({ request }: Item, { table, match, today }: RunOptions): Plan {
  const [path = ''] = request.target.split('?', 1);
  const matched = match(request.method, path);
  if (matched === null) return { kind: 'skip', route: 'default', because: 'no route' };
  const { route, params } = matched;
  if (!isRead(request.method, route)) return { kind: 'skip', route: route.id, because: 'not a read' };
  if (route.successor === null) return { kind: 'skip', route: route.id, because: 'no candidate' };
  const { successor } = route;
  const set = new Set(successor.headers.map(([name]) => name.toLowerCase()));
  const query = request.target.slice(path.length);
  const candidate = {
    ...request,
    target: successor.path === null ? request.target : expand(successor.path, params) + query,
    headers: [...request.headers.filter(([name]) => !set.has(name.toLowerCase())), ...successor.headers],
  };
  const rules = rulesFor(table.differences, route.id, today);
  return { kind: 'ask', route: route.id, control: request, candidate, upstream: successor.upstream, rules };
}

/** By the route's effect; a route of several methods writes as a whole, though its safe methods read. */
function isRead(method: string, { effect, match }: Route): boolean {
  if (effect === 'read') return true;
  const isMixed = match.kind === 'rest' && (match.methods === 'any' || !match.methods.every((one) => SAFE.has(one)));
  return isMixed && SAFE.has(method);
}

/** The control and the candidates, each opened when it is first asked. */
class Sides {
  readonly #options: RunOptions;
  readonly #open = new Map<string, Side>();

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** Looks for the control: without it nothing could be compared. */
  async open(): Promise<void> {
    const { table } = this.#options;
    const upstream = this.#upstream(table.legacy);
    for (const url of upstream.urls) {
      if (await listens(url, upstream.timeout.connectMs)) {
        this.#open.set(table.legacy, this.#side(url, upstream));
        return;
      }
    }
    throw new GatewayError(
      'GW_UPSTREAM_UNREACHABLE',
      `the control ${table.legacy} does not listen at ${upstream.urls.join(', ')}: start it, or name another with --routing`,
    );
  }

  get control(): Side {
    return this.candidate(this.#options.table.legacy);
  }

  candidate(name: string): Side {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const upstream = this.#upstream(name);
    const side = this.#side(upstream.urls[0] ?? '', upstream);
    this.#open.set(name, side);
    return side;
  }

  #side(url: string, upstream: Upstream): Side {
    return new Side(url, upstream, { connections: this.#options.concurrency, maxBytes: BUDGET_BYTES });
  }

  #upstream(name: string): Upstream {
    const upstream = this.#options.table.upstreams.get(name);
    if (upstream === undefined) throw new GatewayError('GW_NO_UPSTREAM', `no upstream is named "${name}"`);
    return upstream;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((side) => side.close()));
  }
}

function listens(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  const wanted = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: wanted, timeout: timeoutMs });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true));
    socket.once('timeout', () => finish(false));
    socket.once('error', () => finish(false));
  });
}

async function observe(plan: Plan, sides: Sides, options: RunOptions): Promise<Observation> {
  if (plan.kind === 'skip')
    return { route: plan.route, comparison: { kind: 'skipped', because: plan.because, detail: '' }, noise: null };
  const [control, candidate] = await Promise.all([
    sides.control.ask(plan.control),
    sides.candidate(plan.upstream).ask(plan.candidate),
  ]);
  const comparison = within(control, candidate, plan.rules);
  const again: Asked[] = [];
  for (let round = 1; round < options.repeat; round += 1) again.push(await sides.control.ask(plan.control));
  return { route: plan.route, comparison, noise: noiseOf(control, again, plan.rules) };
}

/** Compares within the budget of one comparison. */
function within(control: Asked, candidate: Asked, rules: Rules): Comparison {
  const end = performance.now() + BUDGET_MS;
  return compare(control, candidate, { rules, headers: [], spent: () => performance.now() > end });
}

/** Where the control differed from itself in a way that nothing excuses; null when it was not asked again. */
function noiseOf(control: Asked, again: readonly Asked[], rules: Rules): Observation['noise'] {
  const paths = new Set<string>();
  const shapes = new Set<string>();
  let asked = 0;
  for (const other of again) {
    const comparison = within(control, other, rules);
    if (comparison.kind === 'skipped') continue;
    asked += 1;
    for (const { path, excusedBy, fatal } of comparison.findings) {
      if (excusedBy !== null || fatal) continue;
      paths.add(printPath(path));
      shapes.add(shapeOf(path));
    }
  }
  return asked === 0 ? null : { paths, shapes };
}

async function inParallel<In, Out>(
  items: readonly In[],
  workers: number,
  work: (item: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
