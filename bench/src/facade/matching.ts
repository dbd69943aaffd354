/**
 * What it costs to find one of few routes, and one of many: the facade's own matcher in this process, without anything around it.
 * `node matching.js` prints one JSON line, in nanoseconds a match, one figure a round.
 */
import { compile, match, type Matcher } from '@banyan/gateway/core/match';
import { readRouting } from '@banyan/gateway/routing';
import { distinct, FEW, MANY, routingText } from './workload.ts';

export interface Matching {
  readonly few: readonly number[];
  readonly many: readonly number[];
}

const ROUNDS = 20;
const WARM_ROUNDS = 5;
const TIMES = 10; // Over all 5,000 paths: some twenty milliseconds, beside which the clock's own cost is nothing.

interface Table {
  readonly matcher: Matcher;
  readonly paths: readonly string[];
}

function tableOf(routes: number): Table {
  const text = routingText(['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3'], routes);
  const loaded = readRouting(text, {}, '2026-01-01'); // It declares no differences that could expire.
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems.slice(0, 3)));
  // As the facade has them: read from the wire into flat strings, without the query.
  const paths = distinct(routes).paths.map((path) => Buffer.from(path.split('?')[0] ?? '').toString('latin1'));
  return { matcher: compile(loaded.table.routes), paths };
}

/** Nanoseconds a match. @throws when a path finds no route */
function time({ matcher, paths }: Table): number {
  const began = performance.now();
  let found = 0;
  for (let times = 0; times < TIMES; times += 1)
    for (const path of paths) if (match(matcher, 'GET', path) !== null) found += 1;
  const ms = performance.now() - began;
  if (found !== TIMES * paths.length) throw new Error(`${TIMES * paths.length - found} paths found no route`);
  return (ms * 1e6) / found;
}

const [few, many] = [tableOf(FEW), tableOf(MANY)];
for (let round = 0; round < WARM_ROUNDS; round += 1) for (const table of [few, many]) time(table);
const found: { few: number[]; many: number[] } = { few: [], many: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  if (round % 2 === 0) found.few.push(time(few));
  found.many.push(time(many));
  if (round % 2 === 1) found.few.push(time(few));
}
process.stdout.write(`${JSON.stringify(found satisfies Matching)}\n`);
