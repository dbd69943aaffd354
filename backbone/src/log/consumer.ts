/**
 * A consumer of the log: one loop that keeps its session, its share of the partitions and its place, and hands out one batch
 * after the other; {@link Supply} brings the records meanwhile. A batch is whatever had come while the last one was being
 * handled: there is no lingering.
 *
 *              claim ◀─ once a second, between batches: let go, take, begin where `resume` or the group says
 *                │
 *   lost ──▶ session ──▶ supply ──▶ batch ──▶ onBatch ──▶ the group's offset moves (behind the handler's back: a crash in
 *                                    ▲           │        between repeats what was finished, it never skips)
 *                                    └── thrown ─┘
 */
import { mayPass, BackboneError } from '../errors.ts';
import type { Consumer, ConsumerOptions } from '../transport.ts';
import { backoffMs, Bell } from './bell.ts';
import { Claims, type Plan } from './claims.ts';
import type { Listener } from './listener.ts';
import type { Taken } from './queue.ts';
import type { Layout } from './schema.ts';
import type { Session } from './session.ts';
import { Supply } from './supply.ts';
import { findTopics } from './topics.ts';

const MAX_RECORDS = 2_000; // 5,000 were no faster, and cost memory.
const MAX_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
const CLAIM_EVERY_MS = 1_000;
const MAX_GROUP_CHARACTERS = 249; // As a topic's name.

export interface LogConsumerOptions extends ConsumerOptions {
  readonly layout: Layout;
  readonly listener: Listener;
  /** Opens a session for locks, reads and offsets; `onLost` is told when it breaks. */
  readonly connect: (onLost: () => void) => Promise<Session>;
  /** Called once, when `done` has settled. */
  readonly onEnded: () => void;
}

/** Resolves once the consumer is a member of its group and has what was free of its share. */
export async function startConsumer(options: LogConsumerOptions): Promise<Consumer> {
  const { group, topics } = options;
  if (topics.length === 0) throw new BackboneError('BACKBONE_NO_TOPIC', `group ${group} names no topic to consume`);
  if (group === '' || group.length > MAX_GROUP_CHARACTERS) {
    throw new BackboneError('BACKBONE_BAD_NAME', `a group's name has 1 to ${MAX_GROUP_CHARACTERS} characters`);
  }
  const consumer = new LogConsumer(options);
  await consumer.start();
  return consumer;
}

class LogConsumer implements Consumer {
  readonly done: Promise<void>;
  readonly #options: LogConsumerOptions;
  readonly #bell = new Bell();
  readonly #supply: Supply;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | null = null;
  #session: Session | null = null;
  #claims: Claims | null = null;
  #leave: () => void = () => undefined;
  #closing = false;
  #lookAt = 0;
  #claimAt = 0;
  /** What is to change in the share of this consumer, before the next batch. */
  #due: Plan | null = null;
  /** In a row: of the handler, and of the transport. */
  #handlerFailures = 0;
  #transportFailures = 0;
  /** Offsets that are due to be moved, by tp. */
  #moved = new Map<number, bigint>();
  #moving: Promise<void> | null = null;

  constructor(options: LogConsumerOptions) {
    this.#options = options;
    const limits = { records: options.maxRecords ?? MAX_RECORDS, bytes: options.maxBytes ?? MAX_BYTES };
    this.#supply = new Supply(options.layout, limits, () => this.#bell.ring());
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => undefined); // Told to whoever asks; an unasked question must not end the process.
  }

  /** @throws BackboneError as `consume` does; afterwards nothing is left open */
  async start(): Promise<void> {
    this.#leave = this.#options.listener.join({
      hear: (carried) => this.#supply.hear(carried),
      look: () => {
        this.#lookAt = 0;
        this.#bell.ring();
      },
    });
    try {
      await this.#attach();
    } catch (error) {
      await this.#detach();
      throw error;
    }
    void this.#run().then(this.#settle?.resolve, this.#settle?.reject).then(this.#options.onEnded);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#bell.ring();
    await this.done.catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing) {
        try {
          await this.#tend();
          this.#transportFailures = 0;
        } catch (error) {
          this.#transportFailures += 1;
          await this.#failed(error, this.#transportFailures);
          continue;
        }
        const taken = this.#supply.take();
        if (taken === null) await this.#bell.wait(Math.max(0, Math.min(this.#lookAt, this.#claimAt) - Date.now()));
        else await this.#handle(taken);
      }
    } finally {
      await this.#detach();
    }
  }

  /** Everything that has to happen between two batches, and nothing that can happen during one. */
  async #tend(): Promise<void> {
    if (this.#session === null) await this.#attach();
    if (this.#session?.lost === true) {
      this.#session = null;
      throw new BackboneError(
        'BACKBONE_UNREACHABLE',
        'the connection of a consumer broke: its partitions are claimed anew',
      );
    }
    const fault = this.#supply.takeFault();
    if (fault !== null) {
      // Where it stands is in question: begin again with every partition.
      await this.#session?.close();
      this.#session = null;
      throw fault;
    }
    if (this.#due !== null) await this.#reshare(this.#due);
    this.#ask();
  }

  async #attach(): Promise<void> {
    const { connect } = this.#options;
    this.#moved.clear();
    const session = await connect(() => this.#bell.ring());
    this.#session = session;
    this.#supply.restart(session);
    this.#due = null;
    const plan = await this.#sure(session, async () => {
      await (await this.#findClaims(session)).join(session);
      return this.#plan(session);
    });
    await this.#reshare(plan);
    this.#lookAt = 0;
  }

  /**
   * Gives the session up when `work` on its locks fails: a lock outlives the statement that took it, so which of them it holds is
   * in question then, and nobody else could have what it holds without working on it. Its end lets go of them all.
   */
  async #sure<T>(session: Session, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Also new partitions of a topic that has grown. */
  async #findClaims(session: Session): Promise<Claims> {
    const { layout, group, topics } = this.#options;
    const found = await findTopics(session, layout, topics);
    const places = found.flatMap((topic) => topic.places);
    this.#claims = new Claims(layout, group, places);
    return this.#claims;
  }

  async #plan(session: Session): Promise<Plan> {
    const claims = await this.#findClaims(session);
    return claims.plan(session, new Set(this.#supply.held.keys()));
  }

  /** Starts what is due once a second, to go on while a batch is being handled. */
  #ask(): void {
    const session = this.#session;
    const now = Date.now();
    if (session === null) return;
    const background = (work: Promise<void>): void => {
      work.catch((error: unknown) => {
        if (this.#session === session) this.#supply.fail(error);
      });
    };
    if (now >= this.#lookAt) {
      this.#lookAt = now + LOOK_EVERY_MS;
      background(this.#supply.look());
    }
    if (now < this.#claimAt) return;
    this.#claimAt = now + CLAIM_EVERY_MS;
    background(
      this.#plan(session).then((plan) => {
        if (this.#session !== session || plan.release.length + plan.take.length === 0) return;
        this.#due = plan;
        this.#bell.ring();
      }),
    );
  }

  /** Lets go what is too much, and takes what is free and due. */
  async #reshare(plan: Plan): Promise<void> {
    // The plan may be older than the last change: a lock that is taken twice would have to be let go twice.
    const { held } = this.#supply;
    const release = plan.release.filter(({ tp }) => held.has(tp));
    const take = plan.take.filter(({ tp }) => !held.has(tp));
    this.#due = null;
    this.#claimAt = Date.now() + CLAIM_EVERY_MS;
    const [session, claims] = [this.#session, this.#claims];
    if (session === null || claims === null) return;
    if (release.length > 0) {
      this.#supply.drop(release);
      await this.#flush();
      await this.#sure(session, () => claims.release(session, release));
    }
    const taken = take.length === 0 ? [] : await this.#sure(session, () => claims.take(session, take));
    if (taken.length === 0) return;
    try {
      this.#supply.begin(await claims.begin(session, taken, this.#options));
    } catch (error) {
      // Not to hold what is not worked on.
      this.#supply.drop(taken);
      if (!session.lost) await this.#sure(session, () => claims.release(session, taken));
      throw error;
    }
    this.#lookAt = 0; // What was written since the claim was read has been notified to nobody.
  }

  async #handle(taken: Taken): Promise<void> {
    const session = this.#session;
    try {
      await this.#options.onBatch(taken.batch);
    } catch (error) {
      this.#handlerFailures += 1;
      // If the session was lost meanwhile, its partitions are claimed again, from their stored offsets.
      if (session?.lost === false) this.#supply.putBack(taken);
      await this.#failed(error, this.#handlerFailures);
      return;
    }
    this.#handlerFailures = 0;
    if (session?.lost !== false) return;
    const byName = new Map([...this.#supply.held].map(([tp, { place }]) => [place.name, tp]));
    for (const [name, next] of taken.batch.next) {
      const tp = byName.get(name);
      if (tp !== undefined) this.#moved.set(tp, next);
    }
    this.#move(session);
  }

  /** @throws the error itself, when the consumer is to stop */
  async #failed(error: unknown, failures: number): Promise<void> {
    const { onError } = this.#options;
    const answer = onError === undefined ? (mayPass(error) ? 'retry' : 'stop') : onError(error, failures);
    if (answer === 'stop') throw error;
    const until = Date.now() + backoffMs(failures);
    // Rings are for those who wait for records; a wait for better times ends early only for `close`.
    while (!this.#closing && Date.now() < until) await this.#bell.wait(until - Date.now());
  }

  /** Moves the group's offsets while the next batch is handled; what comes meanwhile goes with the next move. */
  #move(session: Session): void {
    if (this.#moving !== null || this.#moved.size === 0 || this.#claims === null || session.lost) return;
    const offsets = this.#moved;
    this.#moved = new Map();
    this.#moving = this.#claims
      .move(session, offsets)
      // A lost session shows itself to the loop; what did not move is delivered again.
      .catch(() => undefined)
      .finally(() => {
        this.#moving = null;
        // Also for the session that came after this one: what it has finished meanwhile has been waiting.
        if (this.#session !== null) this.#move(this.#session);
      });
  }

  async #flush(): Promise<void> {
    while (this.#moving !== null) await this.#moving;
  }

  async #detach(): Promise<void> {
    this.#leave();
    await this.#flush();
    await this.#session?.close();
  }
}
