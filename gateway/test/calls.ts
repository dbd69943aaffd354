/** Calls on a pool of connections, without a facade around it: each writes down what it is told, and that it ends once. */
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Fields } from '@banyan/gateway/core/field';
import type { Head } from '@banyan/gateway/core/wire/head';
import type { Body } from '@banyan/gateway/forward';
import { WireError, type Call, type Link } from '@banyan/gateway/wire/call';
import { Pool, type PoolOptions } from '@banyan/gateway/wire/pool';

export const LIMITS: PoolOptions = {
  connections: 4,
  connectMs: 5_000,
  headMs: 10_000,
  bodyMs: 10_000,
  idleMs: 10_000,
  mostHead: 80 * 1024,
};

export function poolOf(url: string, more: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool(url, { ...LIMITS, ...more });
  onTestFinished(() => pool.destroy());
  return pool;
}

export type End =
  { readonly kind: 'done'; readonly trailers: Fields | null } | { readonly kind: 'failed'; readonly error: Error };

export interface AskedFor {
  readonly path?: string;
  readonly method?: string;
  readonly body?: Body;
  readonly safe?: boolean;
  readonly fields?: Fields;
  /** Called when it has ended. */
  readonly onEnd?: () => void;
}

/** What came of a call. */
export class Probe implements Call {
  readonly method: string;
  readonly path: string;
  readonly fields: Fields;
  readonly body: Body;
  readonly safe: boolean;
  readonly #onEnd: () => void;
  /** In the order in which it was told: `begun`, `sent`, `whole`, `started`, the status of each head, `data`, `done`, `failed`. */
  readonly log: (string | number)[] = [];
  readonly parts: Buffer[] = [];
  link: Link | null = null;
  reused = false;
  answered: Head | null = null;
  /** Bytes after which it wants no more; it does until it is told otherwise. */
  enough = Infinity;
  bytes = 0;
  ends: End[] = [];
  readonly end: Promise<End>;
  #resolve: (end: End) => void = () => undefined;

  constructor({
    path = '/',
    method = 'GET',
    body = { kind: 'none' },
    safe = method === 'GET',
    fields = [],
    onEnd,
  }: AskedFor = {}) {
    this.path = path;
    this.method = method;
    this.body = body;
    this.safe = safe;
    this.fields = fields;
    this.#onEnd = onEnd ?? ((): void => undefined);
    this.end = new Promise((resolve) => (this.#resolve = resolve));
  }

  begun(link: Link): void {
    this.log.push('begun');
    this.link = link;
    this.reused = link.reused;
  }

  sent(whole: boolean): void {
    this.log.push(whole ? 'whole' : 'sent');
  }

  started(): void {
    this.log.push('started');
  }

  head(head: Head): void {
    this.log.push(head.status);
    this.answered = head;
  }

  data(chunk: Buffer): boolean {
    if (this.log.at(-1) !== 'data') this.log.push('data');
    this.parts.push(Buffer.from(chunk));
    this.bytes += chunk.length;
    return this.bytes < this.enough;
  }

  done(trailers: Fields | null): void {
    this.log.push('done');
    this.#ended({ kind: 'done', trailers });
  }

  failed(error: Error): void {
    this.log.push('failed');
    this.#ended({ kind: 'failed', error });
  }

  #ended(end: End): void {
    this.ends.push(end);
    this.#resolve(end);
    this.#onEnd();
  }

  get text(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }

  /** `200 body`, or what went wrong. */
  async told(): Promise<string> {
    const end = await this.end;
    if (end.kind === 'done') return `${this.answered?.status} ${this.text}`;
    return end.error instanceof WireError ? end.error.trouble : end.error.message;
  }
}

/** Has a pool ask, and returns what will come of it. */
export function ask(pool: Pool, more: AskedFor & { readonly fresh?: boolean } = {}): Probe {
  const probe = new Probe(more);
  pool.dispatch(probe, more.fresh ?? false);
  return probe;
}

export const stream = (source: Readable): Body => ({ kind: 'stream', source });

export const whole = (text: string): Body => ({ kind: 'whole', bytes: Buffer.from(text, 'latin1') });

/** Tells of each whole head that comes, by its path; of requests without bodies. */
export function onHeads(socket: Socket, tell: (path: string) => void): void {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const path = text.slice(0, end).split(' ')[1] ?? '';
      text = text.slice(end + 4);
      tell(path);
    }
  });
}
