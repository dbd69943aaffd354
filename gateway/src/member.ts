/**
 * One URL of an upstream: its pool of connections, what it has in hand, and whether it is in. Requests that have met a connection
 * at its end are sent once more through a second pool, whose every connection is fresh and carries one request.
 */
import { Pool, type Dispatcher } from 'undici';
import { connection, connector } from './connector.ts';
import type { Candidate } from './core/balance.ts';
import { broke, CALM, isOut, type Ejection } from './core/eject.ts';
import { checked, HEALTHY, type Health } from './core/health.ts';
import { hostFor } from './core/home.ts';
import type { Upstream } from './core/table.ts';

// Undici gives up on a keep-alive connection before the usual 5 s of a node server, so that we do not send into a closing one.
const KEEP_ALIVE_MS = 4_000;
// Of an answer's head: as much as a request's may have (`door.ts`).
const MAX_HEAD_BYTES = 80 * 1024;

/** `up`; `down`: its checks fail; `ejected`: its connections broke one after the other. */
export type MemberState = 'up' | 'down' | 'ejected';

export class Member implements Candidate {
  readonly url: string;
  /** What it is told as `Host`; null: what the caller said. */
  readonly host: string | null;
  readonly #upstream: Upstream;
  readonly #pool: Pool;
  #fresh: Pool | null = null;
  #outstanding = 0;
  #ejection: Ejection = CALM;
  #health: Health = HEALTHY;

  constructor(upstream: Upstream, url: string) {
    this.url = url;
    this.host = hostFor(upstream, url);
    this.#upstream = upstream;
    this.#pool = poolOf(upstream, url, 1);
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get state(): MemberState {
    if (!this.#health.up) return 'down';
    return this.#ejection.until !== 0 && isOut(this.#ejection, performance.now()) ? 'ejected' : 'up';
  }

  get out(): boolean {
    return this.state !== 'up';
  }

  /** A request is sent here. */
  begin(): void {
    this.#outstanding += 1;
  }

  /** It has ended, or goes elsewhere. */
  end(): void {
    this.#outstanding -= 1;
  }

  /** @param fresh on a connection that has carried nothing yet, and will carry nothing else */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, fresh: boolean): void {
    if (!fresh) return void this.#pool.dispatch(options, handler);
    // Undici's word for a connection that is closed behind its request.
    this.#fresh ??= poolOf(this.#upstream, this.url, 0);
    this.#fresh.dispatch(options, handler);
  }

  /** It has answered. Returns whether it had been ejected, and not answered since. */
  answered(): boolean {
    const { times } = this.#ejection;
    this.#ejection = CALM;
    return times > 0;
  }

  /** A connection could not be opened, or ended before an answer. @param last whether no other URL is in */
  broke(last: boolean): void {
    this.#ejection = broke(this.#ejection, performance.now(), last);
  }

  /** What a check found. */
  checked(ok: boolean, limits: { readonly fall: number; readonly rise: number }): void {
    this.#health = checked(this.#health, ok, limits);
  }

  /** Closes the connections once the requests under way have ended. */
  close(): void {
    for (const pool of [this.#pool, this.#fresh]) pool?.close().catch(() => undefined);
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#fresh?.destroy()]);
  }
}

function poolOf(upstream: Upstream, url: string, pipelining: 0 | 1): Pool {
  return new Pool(url, {
    connections: upstream.connections,
    pipelining,
    factory: connection,
    connect: connector(upstream.timeout.connectMs),
    headersTimeout: upstream.timeout.headersMs,
    bodyTimeout: upstream.timeout.bodyMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
  });
}
