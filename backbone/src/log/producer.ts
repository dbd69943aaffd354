/**
 * One writer to the log, on a connection of its own: batches one after the other, each durable before the next is sent.
 *
 * After BACKBONE_UNREACHABLE the last batch may or may not stand in the log, and this producer is finished: a new one under the
 * same id fences it for good, and its `checkpoint` says which of the two it was.
 */
import { BackboneError, type BackboneCode } from '../errors.ts';
import type { Offsets, Outgoing, Producer, SendOptions } from '../transport.ts';
import { appendStatement, checkpointStatement, markJson, type Append, type Mark } from './append.ts';
import { CARRY_BYTES, place, type Placed } from './batch.ts';
import type { Layout } from './schema.ts';
import { PARTITIONS_CHANGED, SEGMENT_MISSING, stateOf, type Cells, type Session, type Statement } from './session.ts';
import { ahead, findTopics, type Place, type Topic } from './topics.ts';

const MAX_CHECKPOINT_BYTES = 8 * 1024; // It is written with each batch.
// One mends it, unless other producers fill a whole segment between the mending and the next attempt.
const MAX_ATTEMPTS = 10;
const MAX_ID_CHARACTERS = 249; // As a topic's name.

export interface ProducerOptions {
  readonly session: Session;
  readonly layout: Layout;
  readonly id: string;
  readonly topics: readonly string[];
  /** Makes segments of `tp` ahead of `next`. Runs elsewhere than on `session`. */
  readonly extend: (tp: number, next: bigint) => Promise<void>;
  /** Called when it was closed. */
  readonly onClosed: () => void;
}

/** @throws BackboneError BACKBONE_NO_TOPIC, BACKBONE_BAD_NAME, and those of a session */
export async function openProducer(options: ProducerOptions): Promise<Producer> {
  const { session, layout, id } = options;
  if (id === '' || id.length > MAX_ID_CHARACTERS) {
    throw new BackboneError('BACKBONE_BAD_NAME', `a producer's id has 1 to ${MAX_ID_CHARACTERS} characters`);
  }
  const topics = await findTopics(session, layout, options.topics);
  // Waits for a batch of the former holder that is being committed: the checkpoint that comes back includes it.
  const [row] = await session.query({
    text: `insert into ${layout.producer} as p (id, epoch) values ($1, 1)
           on conflict (id) do update set epoch = p.epoch + 1 returning epoch, checkpoint`,
    values: [id],
  });
  return new LogProducer(options, topics, row ?? []);
}

class LogProducer implements Producer {
  readonly checkpoint: string | null;
  readonly #options: ProducerOptions;
  readonly #epoch: bigint;
  readonly #append: (append: Append) => Statement;
  readonly #topics = new Map<string, Topic>();
  /** Every partition of `#topics`, by tp. */
  readonly #places = new Map<number, Place>();
  /** The topics that only watermarks go to: their `ends` do not name them. */
  readonly #marked = new Set<string>();
  #spread = 0;
  #last: Promise<unknown> = Promise.resolve();
  #finished: { readonly code: BackboneCode; readonly because: string } | null = null;
  #closed = false;

  constructor(options: ProducerOptions, topics: readonly Topic[], row: Cells) {
    this.#options = options;
    this.#epoch = BigInt(row[0] ?? 0);
    this.checkpoint = row[1] ?? null;
    this.#append = appendStatement(options.layout);
    for (const topic of topics) this.#keep(topic);
  }

  async send(batch: readonly Outgoing[], options: SendOptions = {}): Promise<Offsets> {
    if (this.#closed) throw new BackboneError('BACKBONE_CLOSED', `producer ${this.#options.id} was closed`);
    // While another batch is on its way, this one is made ready: it costs about as much here as it will there.
    const early = batch.every(({ topic }) => this.#topics.has(topic)) ? this.#place(batch) : null;
    const turn = this.#last.then(() => this.#send(batch, options, early));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#options.session.close();
    this.#options.onClosed();
  }

  #place(batch: readonly Outgoing[]): Placed {
    return place(batch, this.#topics, () => this.#spread++);
  }

  async #send(batch: readonly Outgoing[], options: SendOptions, early: Placed | null): Promise<Offsets> {
    const { checkpoint } = options;
    if (checkpoint !== undefined && Buffer.byteLength(checkpoint) > MAX_CHECKPOINT_BYTES) {
      throw new BackboneError('BACKBONE_TOO_LARGE', `a checkpoint is above the limit of ${MAX_CHECKPOINT_BYTES} bytes`);
    }
    if (this.#finished !== null) {
      const { code, because } = this.#finished;
      throw new BackboneError(code, `producer ${this.#options.id} cannot send any more: ${because}`);
    }
    try {
      return await this.#attempt(batch, options, early);
    } catch (error) {
      if (error instanceof BackboneError) this.#settle(error);
      throw error;
    }
  }

  #settle({ code, message }: BackboneError): void {
    if (code === 'BACKBONE_FENCED' || code === 'BACKBONE_UNREACHABLE') this.#finished = { code, because: message };
  }

  /** What the log refuses because the producer's picture is old is mended, and then asked again. */
  async #attempt(batch: readonly Outgoing[], options: SendOptions, early: Placed | null): Promise<Offsets> {
    let placed = early;
    for (let left = MAX_ATTEMPTS; ; left -= 1, placed = null) {
      await this.#learn(batch, options);
      const append = this.#prepare(placed ?? this.#place(batch), options);
      try {
        return this.#note(await this.#options.session.query(this.#statement(append)));
      } catch (error) {
        if (left === 1 || !(await this.#mend(stateOf(error), append))) throw error;
      }
    }
  }

  /** Looks up topics that this producer has not yet met. */
  async #learn(batch: readonly Outgoing[], { watermark }: SendOptions): Promise<void> {
    const names = new Set<string>(watermark === undefined ? [] : [watermark.topic]);
    for (const { topic } of batch) if (!this.#topics.has(topic)) names.add(topic);
    const unknown = [...names].filter((name) => !this.#topics.has(name));
    if (unknown.length === 0) return;
    const { session, layout } = this.#options;
    for (const topic of await findTopics(session, layout, unknown)) this.#keep(topic);
  }

  #keep(topic: Topic): void {
    this.#topics.set(topic.name, topic);
    for (const place of topic.places) this.#places.set(place.tp, place);
  }

  #prepare(placed: Placed, { checkpoint, watermark }: SendOptions): Append {
    const mark = watermark === undefined ? null : this.#mark(watermark);
    const wants = mark === null ? placed.wants : withMark(placed, mark);
    return {
      id: this.#options.id,
      epoch: this.#epoch,
      checkpoint: checkpoint ?? null,
      wants,
      columns: placed.columns,
      carried: carry(placed, mark),
      mark,
    };
  }

  #mark({ topic, at, swept }: NonNullable<SendOptions['watermark']>): Mark {
    this.#marked.add(topic);
    const places = this.#topics.get(topic)?.places ?? [];
    const ends = [...this.#places.values()].filter((end) => !this.#marked.has(end.topic));
    return { tp: places[0]?.tp ?? 0, partitions: places.length, key: at.source, ...markJson(at, swept), ends };
  }

  #statement(append: Append): Statement {
    if (append.wants.length > 0) return this.#append(append);
    return checkpointStatement(this.#options.layout, append.id, append.epoch, append.checkpoint);
  }

  /** Reads what the statement answered, and has segments made ahead of the next ones. */
  #note(rows: readonly Cells[]): Offsets {
    if (rows.length === 0) {
      throw new BackboneError(
        'BACKBONE_FENCED',
        `producer ${this.#options.id} was opened a second time, and the other one holds the id now: nothing was written`,
      );
    }
    const next = new Map<string, bigint>();
    for (const [tp, end, ready] of rows) {
      const place = this.#places.get(Number(tp));
      if (place === undefined || typeof end !== 'string' || typeof ready !== 'string') continue; // A checkpoint alone.
      next.set(place.name, BigInt(end));
      const { segment } = this.#topics.get(place.topic) ?? { segment: 0n };
      // In the background: its failure is told by the one who does it, and the next batch comes back to it.
      if (BigInt(end) + ahead(segment) >= BigInt(ready))
        this.#options.extend(place.tp, BigInt(end)).catch(() => undefined);
    }
    return next;
  }

  /** @returns whether it is worth another attempt */
  async #mend(state: string | null, { wants }: Append): Promise<boolean> {
    if (state === PARTITIONS_CHANGED) {
      const { session, layout } = this.#options;
      for (const topic of await findTopics(session, layout, [...this.#topics.keys()])) this.#keep(topic);
      return true;
    }
    if (state !== SEGMENT_MISSING) return false;
    const { session, layout } = this.#options;
    for (const { tp, count } of wants) {
      const [row] = await session.query({ text: `select next from ${layout.head} where tp = $1`, values: [tp] });
      await this.#options.extend(tp, BigInt(row?.[0] ?? 0) + BigInt(count));
    }
    return true;
  }
}

function withMark({ wants }: Placed, { tp, partitions }: Mark): Append['wants'] {
  const others = wants.filter((want) => want.tp !== tp);
  const own = wants.find((want) => want.tp === tp);
  return [...others, { tp, count: (own?.count ?? 0) + 1, partitions }];
}

/** The records as a notification carries them, or null when they, with a watermark, come too near to 8,000 bytes. */
function carry({ packer, packedBytes }: Placed, mark: Mark | null): string | null {
  if (packer === null) return null;
  if (mark === null) return packer.text();
  const bytes = mark.head.length + mark.tail.length + mark.ends.reduce((sum, { name }) => sum + name.length + 25, 0);
  if (packedBytes + bytes > CARRY_BYTES) return null;
  packer.addOpen(mark.tp, mark.key);
  return packer.text();
}
