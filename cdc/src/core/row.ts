/** A row that was read rather than streamed, as an event: op `r`. */
import { formatLsn, type Lsn } from '@banyan/backbone/core/lsn';
import { POSITION_HEADER } from '@banyan/backbone/core/position';
import type { Cells } from './pgoutput.ts';
import type { Relation } from './relation.ts';
import { sourceJson, type Event, type Header, type Now, type SourceJson, type Stream } from './source.ts';

const MAX_INDEX = 999_999_999; // A position's index has nine digits; equal ones do no harm among rows of different keys.

export interface ReadOptions extends Stream {
  readonly incarnation: number;
  /** The position that its rows get. */
  readonly position: Lsn;
  /** What `source.lsn` says, decimal. */
  readonly lsn: string;
  readonly xid: number;
  /** When the snapshot was taken, microseconds since 1970. */
  readonly atUs: number;
  readonly headers: readonly Header[];
}

/** Writes the rows of one snapshot, each with its own index. */
export class RowWriter {
  readonly #options: ReadOptions;
  readonly #sources = new Map<string, SourceJson>();
  readonly #positionHead: string;
  #index = 0;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#positionHead = `${options.incarnation}:${formatLsn(options.position)}:`;
  }

  /** @param marker Debezium's word for the place in the snapshot */
  event(relation: Relation, cells: Cells, { marker, now }: { readonly marker: string; readonly now: Now }): Event {
    const { lsn, headers } = this.#options;
    const source = this.#source(marker);
    relation.counts.r += 1;
    const index = this.#index;
    if (this.#index < MAX_INDEX) this.#index += 1;
    return {
      topic: relation.topic,
      key: relation.key(cells),
      value:
        `{"before":null,"after":${relation.row(cells)},${source.head}${lsn}${source.middle}${relation.sourceJson}` +
        `${source.beforeLsn}${lsn}${source.tail},"transaction":null,"op":"r",${now.json}}`,
      headers: [...headers, { key: POSITION_HEADER, value: this.#positionHead + index }],
    };
  }

  #source(marker: string): SourceJson {
    const known = this.#sources.get(marker);
    if (known !== undefined) return known;
    const { atUs, xid } = this.#options;
    const made = sourceJson(this.#options, { atUs, snapshot: marker, begin: null, xid, origin: null });
    this.#sources.set(marker, made);
    return made;
  }
}
