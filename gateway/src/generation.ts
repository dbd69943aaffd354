/**
 * What the facade serves by: the routing table in force, compiled. A new file makes a new generation, swapped in with one
 * assignment, so a request sees one table from its decision to its end.
 */
import { compile, type Matcher } from './core/match.ts';
import type { Table } from './core/table.ts';
import type { Loaded } from './routing.ts';
import type { Problem } from './routing/document.ts';
import { servicesOf, type Service } from './soap.ts';
import { Fleet } from './upstream.ts';

export interface Generation {
  /** Counts accepted files from 1 since the process started. */
  readonly number: number;
  readonly table: Table;
  readonly matcher: Matcher;
  /** SOAP services by path. */
  readonly services: ReadonlyMap<string, Service>;
  /** Names the content: the same on every replica that has the same file. */
  readonly hash: string;
  readonly warnings: readonly Problem[];
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A file that was not accepted. */
export interface Rejection {
  readonly hash: string;
  readonly problems: readonly Problem[];
  readonly at: number;
}

export type Accepted = Extract<Loaded, { kind: 'accepted' }>;

/** Which file is in force, and what became of the last one. */
export class Standing {
  #current: Generation;
  #rejection: Rejection | null = null;
  #rejected = 0;

  constructor(first: Generation) {
    this.#current = first;
  }

  get current(): Generation {
    return this.#current;
  }

  /** The last file that was not accepted; null once a later one was, or what is in force stands there again. */
  get rejection(): Rejection | null {
    return this.#rejection;
  }

  /** How many files were not accepted since the process started. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Puts `next` in force, in one assignment. */
  replace(next: Generation): void {
    this.#current = next;
    this.#rejection = null;
  }

  /** The file says again what is in force: nothing is wrong with it any more. */
  confirm(): void {
    this.#rejection = null;
  }

  reject(rejection: Rejection): void {
    this.#rejection = rejection;
    this.#rejected += 1;
  }
}

/** What serves: the file in force, and the servers that it names. */
export class Generations extends Standing {
  readonly fleet: Fleet = new Fleet();

  /**
   * @param number what the file in force is called, where that is not for this process to count
   * @throws GatewayError GW_BAD_WSDL
   */
  static async open(loaded: Accepted, now: number, number: number = 1): Promise<Generations> {
    return new Generations(await generationOf(number, loaded, now));
  }

  private constructor(first: Generation) {
    super(first);
    this.fleet.adopt(first.table);
  }

  /**
   * @param number as in {@link Generations.open}
   * @throws GatewayError GW_BAD_WSDL; the generation in force stays
   */
  async adopt(loaded: Accepted, now: number, number: number = this.current.number + 1): Promise<Generation> {
    const next = await generationOf(number, loaded, now);
    this.fleet.adopt(next.table);
    this.replace(next);
    return next;
  }
}

/** @throws GatewayError GW_BAD_WSDL */
export async function generationOf(number: number, loaded: Accepted, now: number): Promise<Generation> {
  const { table, hash, warnings } = loaded;
  return {
    number,
    table,
    matcher: compile(table.routes),
    services: await servicesOf(table),
    hash,
    warnings,
    since: now,
  };
}
