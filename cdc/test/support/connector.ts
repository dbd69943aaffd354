/** A connector in this process, on a database of the shared server, with a sink in memory. */
import pino from 'pino';
import pg from 'pg';
import { readConfig } from '@banyan/cdc/config';
import { Connector } from '@banyan/cdc/connector';
import type { Event } from '@banyan/cdc/core/source';
import type { OpenSink } from '@banyan/cdc/sink';
import { MemorySink } from './memory.ts';

export interface Started {
  readonly connector: Connector;
  readonly sink: MemorySink;
  /** Settles when it has ended. */
  readonly done: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface StartOptions {
  readonly sink?: MemorySink;
  readonly openSink?: OpenSink;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Starts it; does not wait until it streams. */
export function startConnector(url: string, options: StartOptions = {}): Started {
  const sink = options.sink ?? new MemorySink();
  const config = readConfig(JSON.stringify({ ...defaults(url), ...options.settings }), 'test', {});
  const connector = new Connector({
    config,
    openSink: options.openSink ?? sink.open,
    log: pino({ level: process.env['CDC_TEST_LOG'] ?? 'silent' }),
    onReady: () => undefined,
    headers: [],
  });
  const done = connector.run();
  done.catch(() => undefined);
  return {
    connector,
    sink,
    done,
    stop: async () => {
      connector.stop();
      await done;
    },
  };
}

function defaults(url: string): Readonly<Record<string, unknown>> {
  const slot = new URL(url).pathname.slice(1);
  return {
    database: url,
    slot,
    publication: 'banyan',
    tables: ['public.*'],
    topicPrefix: 'shop',
    sink: 'stdout',
    checkpoint: 'unused',
    listen: '127.0.0.1:0',
  };
}

/** Runs SQL on a connection of its own. */
export async function query(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(text, values.length === 0 ? undefined : [...values]);
    return Array.isArray(result) ? [] : result.rows;
  } finally {
    await client.end();
  }
}

/** The value's JSON, with integers beyond 2^53 as `bigint:…` strings: a plain parse would round them. */
export function parseExact(text: string): unknown {
  // Strings are matched first, so that digits within them are left alone.
  const exact = text.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (token) =>
    token.startsWith('"') ? token : `"bigint:${token}"`,
  );
  return JSON.parse(exact);
}

/** What an event is, for comparing: key and value parsed. */
export function seen(event: Event): { readonly topic: string; readonly key: unknown; readonly value: unknown } {
  return {
    topic: event.topic,
    key: event.key === null ? null : parseExact(event.key),
    value: event.value === null ? null : parseExact(event.value),
  };
}
