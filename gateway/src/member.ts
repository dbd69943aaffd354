/** One URL of an upstream: its connections, what it has in hand, and whether it is in. */
import type { Candidate } from './core/balance.ts';
import { broke, CALM, isOut, type Ejection } from './core/eject.ts';
import { checked, HEALTHY, type Health } from './core/health.ts';
import { hostFor } from './core/home.ts';
import type { Upstream } from './core/table.ts';
import type { Call } from './wire/call.ts';
import { Pool } from './wire/pool.ts';

// A kept connection is given up before the usual 5 s of a node server, so that we do not send into a closing one.
const KEEP_ALIVE_MS = 4_000;
// Of an answer's head: as much as a request's may have (`door.ts`).
const MAX_HEAD_BYTES = 80 * 1024;

/** `up`; `down`: its checks fail; `ejected`: its connections broke one after the other. */
export type MemberState = 'up' | 'down' | 'ejected';

export class Member implements Candidate {
  readonly url: string;
  /** What it is told as `Host`; null: what the caller said. */
  readonly host: string | null;
  readonly #pool: Pool;
  #outstanding = 0;
  #ejection: Ejection = CALM;
  #health: Health = HEALTHY;

  constructor(upstream: Upstream, url: string) {
    this.url = url;
    this.host = hostFor(upstream, url);
    const { connections, timeout } = upstream;
    this.#pool = new Pool(url, {
      connections,
      connectMs: timeout.connectMs,
      headMs: timeout.headersMs,
      bodyMs: timeout.bodyMs,
      idleMs: KEEP_ALIVE_MS,
      mostHead: MAX_HEAD_BYTES,
    });
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

  /** @param fresh on a connection that has carried nothing yet */
  dispatch(call: Call, fresh: boolean): void {
    this.#pool.dispatch(call, fresh);
  }

  /** Gives up a call that waits for a connection. */
  cancel(call: Call): void {
    this.#pool.cancel(call);
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
    this.#pool.close();
  }

  /** Ends everything now. */
  destroy(): void {
    this.#pool.destroy();
  }
}
