import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Family } from '@banyan/gateway/core/family';
import { Metrics } from '@banyan/gateway/metrics';
import { Verdicts } from '@banyan/gateway/shadow/compare';
import { judge } from '@banyan/gateway/shadow/judge';
import type { Half, Pair } from '@banyan/gateway/shadow/question';
import { until } from './front.ts';
import { routeOf, tableOf } from './tables.ts';

// Pairs of answers on their way to a verdict: what waits, what is skipped, and what breaks.

const half = (text: string, more: Partial<Extract<Half, { kind: 'answered' }>> = {}): Half => ({
  kind: 'answered',
  status: 200,
  fields: ['content-type', 'application/json'],
  body: Buffer.from(text),
  headMs: 1,
  wholeMs: 2,
  ...more,
});

function pairOf(control: Half, candidate: Half, more: Partial<Pair> = {}): Pair {
  const route = routeOf();
  const origins = { control: 'http://127.0.0.1:1', candidate: 'http://127.0.0.1:2' };
  return {
    table: tableOf([route]),
    route,
    answered: 'legacy',
    as: 'read',
    requestId: 'r',
    view: null,
    control,
    candidate,
    origins,
    ...more,
  };
}

/** A comparer, and what it has counted: `family label label` to a number. */
function comparer(): { readonly verdicts: Verdicts; readonly count: (label: string) => number } {
  let source: () => readonly Family[] = () => [];
  const metrics = new Metrics();
  metrics.also = (given) => (source = given);
  const log = pino(new Writable({ write: (_chunk, _encoding, done) => done() }));
  const verdicts = new Verdicts(metrics, log);
  onTestFinished(() => verdicts.close());
  const count = (label: string): number =>
    source()
      .flatMap(({ samples }) => samples)
      .filter(([, labels]) => labels.includes(`"${label}"`))
      .reduce((sum, [, , value]) => sum + value, 0);
  return { verdicts, count };
}

test('pairs are judged in their turn, while the facade goes on', async () => {
  const { verdicts, count } = comparer();
  const list = JSON.stringify(Array.from({ length: 3_000 }, (_, id) => ({ id, name: `name ${id}` })));
  for (let round = 0; round < 20; round += 1) verdicts.compare(pairOf(half(list), half(list)));
  verdicts.compare(pairOf(half('1'), half('2')));
  // Nothing of it has been done in this turn.
  expect([count('match'), count('mismatch'), count('skipped')]).toEqual([0, 0, 0]);
  await until(() => count('match') + count('skipped') === 20 && count('mismatch') === 1);
});

test('more pairs than may wait are skipped at once', () => {
  const { verdicts, count } = comparer();
  for (let round = 0; round < 300; round += 1) verdicts.compare(pairOf(half('1'), half('1')));
  // One is in hand, 256 wait.
  expect([count('busy'), count('skipped')]).toEqual([43, 43]);
});

test('more bytes than may wait are skipped at once', () => {
  const { verdicts, count } = comparer();
  const body = Buffer.alloc(8 * 1024 * 1024, ' ');
  for (let round = 0; round < 5; round += 1) verdicts.compare(pairOf(half('', { body }), half('', { body })));
  // Sixteen MiB are in hand, thirty-two wait.
  expect(count('busy')).toBe(2);
});

test('a side that is late is in error, unless the other took longer than it may as well', async () => {
  const { verdicts, count } = comparer();
  const late: Half = { kind: 'late', limitMs: 100 };
  verdicts.compare(pairOf(half('1', { wholeMs: 99 }), late));
  verdicts.compare(pairOf(half('1', { wholeMs: 101 }), late));
  await until(() => count('error') === 1);
  expect([count('budget'), count('skipped')]).toEqual([1, 1]);
});

test('a pair that the thread cannot bear is skipped, and the next has a new one', async () => {
  const { verdicts, count } = comparer();
  // What cannot be handed to a thread stands for whatever breaks it.
  const route = { ...routeOf(), id: 'order-get' };
  const odd = { routes: ['order-get'], until: '2999-01-01', at: () => undefined };
  const table = tableOf([route], { differences: [odd as never] });
  verdicts.compare(pairOf(half('1'), half('1'), { table, route }));
  verdicts.compare(pairOf(half('1'), half('1')));
  await until(() => count('match') === 1);
  expect([count('skipped'), count('budget')]).toEqual([1, 1]);
});

test('nothing is compared once it is closed', async () => {
  const { verdicts, count } = comparer();
  verdicts.compare(pairOf(half('1'), half('1')));
  verdicts.close();
  verdicts.compare(pairOf(half('1'), half('1')));
  await new Promise((resolve) => setImmediate(resolve));
  expect([count('match'), count('skipped')]).toEqual([0, 0]);
});

test('a comparison that takes longer than it may is skipped', async () => {
  let now = 0;
  const list = half(JSON.stringify(Array.from({ length: 5_000 }, (_, id) => ({ id }))));
  const sent = { half: list, origin: 'http://127.0.0.1:1' };
  const task = { legacy: sent, successor: sent, rules: { entries: [] } };
  expect(await judge(task, () => 0)).toEqual({ verdict: 'match', because: null });
  expect(await judge(task, () => (now += 60))).toEqual({ verdict: 'skipped', because: 'budget' });
});
