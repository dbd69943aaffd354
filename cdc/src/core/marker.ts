/**
 * Says of each row of a snapshot where it stands, in Debezium's words: `first`, `first_in_data_collection`, `true`,
 * `last_in_data_collection`, `last`. Whether a row is the last one shows only when nothing follows it, so one row of each
 * table, and one of the whole, is held back.
 */

export type Marker = 'first' | 'first_in_data_collection' | 'true' | 'last_in_data_collection' | 'last';

export interface Marked<T> {
  readonly row: T;
  readonly marker: Marker;
}

interface Held<T> {
  readonly row: T;
  /** Of its table, counted from 0. */
  readonly place: number;
}

export class Markers<T> {
  readonly #held = new Map<number, Held<T>>();
  /** The last row of the table that ended last. */
  #last: { readonly row: T } | null = null;

  /**
   * The next row of a table.
   * @param table its place in the order of tables
   * @returns what can be told by now, in order
   */
  next(table: number, row: T): readonly Marked<T>[] {
    const told = this.#ended();
    const before = this.#held.get(table);
    this.#held.set(table, { row, place: before === undefined ? 0 : before.place + 1 });
    if (before === undefined) return told;
    const marker = before.place > 0 ? 'true' : table === 0 ? 'first' : 'first_in_data_collection';
    return [...told, { row: before.row, marker }];
  }

  /** A table has no more rows. */
  end(table: number): readonly Marked<T>[] {
    const held = this.#held.get(table);
    this.#held.delete(table);
    if (held === undefined) return [];
    const told = this.#ended();
    this.#last = { row: held.row };
    return told;
  }

  /** No table has any more rows. */
  finish(): readonly Marked<T>[] {
    return this.#last === null ? [] : [{ row: this.#last.row, marker: 'last' }];
  }

  /** The last row of a table that ended was not the very last: another one has come. */
  #ended(): readonly Marked<T>[] {
    if (this.#last === null) return [];
    const { row } = this.#last;
    this.#last = null;
    return [{ row, marker: 'last_in_data_collection' }];
  }
}
