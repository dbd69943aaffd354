/**
 * Between the backbone and an applier: batches go in one at a time, and a record that cannot be taken ends the consumer, with
 * nothing skipped.
 */
import { BackboneError } from '@banyan/backbone/errors';
import type { Backbone, Offsets } from '@banyan/backbone/transport';
import type { Applier, Effect } from './apply.ts';
import { TOPICS } from './core/tables.ts';
import { OrdersError } from './errors.ts';

export interface Hooks {
  /** After a batch was committed. */
  readonly onEffect: (effect: Effect, seconds: number) => void;
  readonly onRetry: (error: unknown) => void;
}

export interface Consuming {
  /** Resolves when the consumer has ended, for whatever reason. */
  readonly over: Promise<void>;
  /** Why it has ended by itself; null while it runs, or after `close`. */
  readonly failure: Error | null;
  /** Finishes the batch in hand, then ends. */
  close(): Promise<void>;
}

/** @throws BackboneError when the consumer cannot be opened */
export async function consume(backbone: Backbone, applier: Applier, { onEffect, onRetry }: Hooks): Promise<Consuming> {
  const consumer = await backbone.consume({
    group: applier.copy.group,
    topics: TOPICS,
    start: 'earliest',
    resume: (partitions) => applier.resume(partitions),
    onBatch: async (batch) => {
      const startedAt = performance.now();
      const effect = await applier.apply(batch);
      onEffect(effect, (performance.now() - startedAt) / 1_000);
    },
    onError: (error) => {
      // A connection that broke takes the applier with it; everything else that passes is met by trying again.
      const retry = error instanceof OrdersError ? error.code === 'ORD_BUSY' : mayPass(error);
      if (retry) onRetry(error);
      return retry ? 'retry' : 'stop';
    },
  });
  let failure: Error | null = null;
  const over = consumer.done.catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return {
    over,
    get failure() {
      return failure;
    },
    close: () => consumer.close(),
  };
}

/**
 * Whether waiting can help. A topic that is not there yet will be made by the connector; a database that does not let us in
 * did so when the service started.
 */
export function mayPass(error: unknown): boolean {
  if (error instanceof BackboneError) return error.retry || error.code === 'BACKBONE_NO_TOPIC';
  if (error instanceof OrdersError) return error.retryable || error.code === 'ORD_DATABASE';
  return false;
}

/** How many partitions each topic has, from the names of all of them. */
export function partitionsOf(offsets: Offsets): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of offsets.keys()) {
    const topic = name.slice(0, name.lastIndexOf('-'));
    counts.set(topic, (counts.get(topic) ?? 0) + 1);
  }
  return counts;
}
