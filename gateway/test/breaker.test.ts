import { afterEach, describe, expect, test, vi } from 'vitest';
import { Breaker, type Settle } from '@banyan/gateway/breaker';
import { upstreamOf } from './tables.ts';

const breakers: Breaker[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
process.on('unhandledRejection', note);

afterEach(async () => {
  for (const breaker of breakers.splice(0)) breaker.close();
  // Rejections nobody took are told once the turn of the loop is over.
  await new Promise((done) => setImmediate(done));
  const left = unhandled.splice(0);
  if (left.length > 0) throw new Error(`${left.length} rejections that nobody took: the process would end`);
});

/** A breaker that opens at 5 failures of 10, and asks again after 300 ms. */
function breakerOf(more: Partial<ReturnType<typeof upstreamOf>['breaker']> = {}): Breaker {
  const breaker = new Breaker(
    upstreamOf('orders', { breaker: { errors: 0.5, volume: 10, windowMs: 60_000, resetMs: 300, ...more } }),
  );
  breakers.push(breaker);
  return breaker;
}

async function settled(breaker: Breaker, ...outcomes: readonly Parameters<Settle>[0][]): Promise<void> {
  for (const outcome of outcomes) breaker.begin()(outcome);
  await turn();
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

async function opened(breaker: Breaker): Promise<void> {
  await settled(breaker, ...times(10, 'failure' as const));
  expect(breaker.state).toBe('open');
}

describe('a breaker', () => {
  test('opens at its share of failures, once it has seen its volume', async () => {
    const breaker = breakerOf();
    await settled(breaker, ...times(9, 'failure' as const));
    expect(breaker.state).toBe('closed');
    expect(breaker.refusing).toBe(false);
    await settled(breaker, 'failure');
    expect(breaker.state).toBe('open');
    expect(breaker.refusing).toBe(true);
  });

  test('counts successes: half of ten is enough, and less is not', async () => {
    const below = breakerOf();
    await settled(below, ...times(10, 'success' as const), ...times(9, 'failure' as const));
    expect(below.state).toBe('closed');
    const at = breakerOf();
    await settled(at, ...times(10, 'success' as const), ...times(10, 'failure' as const));
    expect(at.state).toBe('open');
  });

  test('does not hold against an upstream that callers leave', async () => {
    const breaker = breakerOf();
    await settled(breaker, ...times(50, 'abandoned' as const));
    expect(breaker.state).toBe('closed');
  });

  test('takes the outcomes of requests that were under way when it opened', async () => {
    const breaker = breakerOf();
    const underWay = times(40, 0).map(() => breaker.begin());
    for (const settle of underWay) settle('failure');
    await turn();
    expect(breaker.state).toBe('open');
    const late = breakerOf();
    const [slow, quick] = [late.begin(), late.begin()];
    await opened(late);
    slow('failure');
    quick('success');
    await turn();
    expect(late.state).toBe('open');
  });

  test('lets one request through after its pause, and closes when that is answered', async () => {
    const breaker = breakerOf();
    await opened(breaker);
    await vi.waitFor(() => expect(breaker.state).toBe('half-open'));
    expect(breaker.refusing).toBe(false);
    const probe = breaker.begin();
    expect(breaker.refusing).toBe(true);
    probe('success');
    await vi.waitFor(() => expect(breaker.state).toBe('closed'));
    expect(breaker.refusing).toBe(false);
  });

  test.each(['failure', 'abandoned'] as const)('opens again when that request ends as a %s', async (outcome) => {
    const breaker = breakerOf();
    await opened(breaker);
    await vi.waitFor(() => expect(breaker.state).toBe('half-open'));
    await settled(breaker, outcome);
    expect(breaker.refusing).toBe(true);
    await vi.waitFor(() => expect(breaker.refusing).toBe(false));
    breaker.begin()('success');
    await vi.waitFor(() => expect(breaker.state).toBe('closed'));
  });

  test('takes a second request in its half-open state, which opossum refuses to count', async () => {
    const breaker = breakerOf();
    await opened(breaker);
    await vi.waitFor(() => expect(breaker.state).toBe('half-open'));
    const [probe, second] = [breaker.begin(), breaker.begin()];
    second('failure');
    await turn();
    probe('success');
    await vi.waitFor(() => expect(breaker.state).toBe('closed'));
  });

  test('a request from before it opened is not taken for the one that it lets through', async () => {
    const breaker = breakerOf();
    const old = breaker.begin();
    await opened(breaker);
    await vi.waitFor(() => expect(breaker.state).toBe('half-open'));
    old('failure');
    await turn();
    expect(breaker.state).toBe('half-open');
    breaker.begin()('success');
    await vi.waitFor(() => expect(breaker.state).toBe('closed'));
  });

  test('takes outcomes after it was closed down', async () => {
    const breaker = breakerOf();
    const settle = breaker.begin();
    breaker.close();
    settle('failure');
    breaker.begin()('failure');
    await turn();
    expect(breaker.refusing).toBe(true);
  });
});
