/**
 * What serves the callers, as the rest of the process sees it: this process itself (`alone.ts`), or workers of it (`cluster.ts`).
 * The admin port, the watch over the routing file and the signals are the same for both (`start.ts`).
 */
import type { Facts } from './core/decide.ts';
import type { Family } from './core/family.ts';
import type { UpstreamStatus } from './core/vitals.ts';
import type { ShadowStatus } from './shadow/shadows.ts';
import type { Accepted, Generation, Standing } from './generation.ts';
import type { Address } from './address.ts';

/** How the upstreams are as one process has found them: plain data, because it may come from another process. */
export interface Vitals {
  readonly upstreams: readonly UpstreamStatus[];
  /** How it is with those who are asked a second time; null where several processes each have their own. */
  readonly shadows: ShadowStatus | null;
}

export interface WorkerStatus extends Partial<Vitals> {
  readonly worker: string;
  readonly pid: number | null;
  readonly phase: string;
  /** Null of one that has not said so in time. */
  readonly generation: number | null;
  readonly connections: number;
}

export interface Engine {
  readonly standing: Standing;
  /** @throws GatewayError GW_CANNOT_LISTEN, GW_NO_WORKER; nothing is left open then */
  listen(address: Address): Promise<void>;
  /** `http://127.0.0.1:8080`, with the port that was really taken. */
  url(): string;
  /**
   * Puts a file in force; resolves when every request that comes from now on meets it.
   * @throws GatewayError GW_BAD_WSDL; what is in force stays
   */
  adopt(loaded: Accepted): Promise<Generation>;
  facts(): Promise<Facts>;
  vitals(): Promise<Vitals>;
  /** Null where this process serves by itself. */
  workers(): Promise<readonly WorkerStatus[]> | null;
  families(): Promise<readonly Family[]>;
  /** Replaces every worker, one after another; false when there is none, or when that is under way. */
  renew(): boolean;
  /** From now on callers are told to come back on another connection. */
  hush(): void;
  /** Takes no new connection, lets what is in hand end until the deadline, and closes everything. */
  drain(): Promise<void>;
}
