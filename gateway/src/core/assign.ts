/**
 * The cheapest way to give each row a column of its own, by the Hungarian method with potentials (Kuhn and Munkres), in time
 * proportional to the number of columns times the square of the rows.
 */

/**
 * @param costs a rectangle with at least as many columns as rows: `costs[row][column]`, finite
 * @returns for each row its column
 */
export function assign(costs: readonly (readonly number[])[]): readonly number[] {
  const method = new Hungarian(costs);
  for (const row of costs.keys()) method.add(row);
  const columnOf = Array<number>(costs.length).fill(0);
  for (const [column, row] of method.rowOf.entries()) if (row !== FREE) columnOf[row] = column;
  return columnOf;
}

const FREE = -1;

/** Rows are added one by one; after each the rows so far are assigned at the least cost. */
class Hungarian {
  /** The row of each column, or FREE. */
  readonly rowOf: Int32Array;
  readonly #size: number;
  readonly #costs: readonly (readonly number[])[];
  readonly #rowPotential: Float64Array;
  readonly #columnPotential: Float64Array;

  constructor(costs: readonly (readonly number[])[]) {
    this.#costs = costs;
    this.#size = costs[0]?.length ?? 0;
    this.rowOf = new Int32Array(this.#size).fill(FREE);
    this.#rowPotential = new Float64Array(costs.length);
    this.#columnPotential = new Float64Array(this.#size);
  }

  /** Finds the cheapest path from `row` to a free column (Dijkstra on reduced costs), and shifts the rows along it. */
  add(row: number): void {
    const size = this.#size;
    const distance = new Float64Array(size).fill(Infinity);
    const from = new Int32Array(size).fill(FREE);
    const done = new Uint8Array(size);
    let current = row;
    let column = FREE;
    let reached = 0;
    do {
      let nearest = Infinity;
      let next = FREE;
      for (let other = 0; other < size; other += 1) {
        if (done[other] === 1) continue;
        const step = reached + this.#reduced(current, other);
        if (step < (distance[other] ?? 0)) {
          distance[other] = step;
          from[other] = column;
        }
        const far = distance[other] ?? Infinity;
        if (far < nearest) {
          nearest = far;
          next = other;
        }
      }
      done[next] = 1;
      reached = nearest;
      column = next;
      current = this.rowOf[next] ?? FREE;
    } while (current !== FREE);
    this.#lower(row, { distance, done, reached });
    this.#shift(row, column, from);
  }

  #reduced(row: number, column: number): number {
    return (this.#costs[row]?.[column] ?? 0) - (this.#rowPotential[row] ?? 0) - (this.#columnPotential[column] ?? 0);
  }

  /** Keeps every reduced cost at zero or above, and those of assigned pairs at zero. */
  #lower(row: number, search: { distance: Float64Array; done: Uint8Array; reached: number }): void {
    const { distance, done, reached } = search;
    this.#rowPotential[row] = (this.#rowPotential[row] ?? 0) + reached;
    for (let column = 0; column < this.#size; column += 1) {
      if (done[column] !== 1) continue;
      const slack = reached - (distance[column] ?? 0);
      this.#columnPotential[column] = (this.#columnPotential[column] ?? 0) - slack;
      const owner = this.rowOf[column] ?? FREE;
      if (owner !== FREE) this.#rowPotential[owner] = (this.#rowPotential[owner] ?? 0) + slack;
    }
  }

  #shift(row: number, last: number, from: Int32Array): void {
    let column = last;
    while (column !== FREE) {
      const before = from[column] ?? FREE;
      this.rowOf[column] = before === FREE ? row : (this.rowOf[before] ?? row);
      column = before;
    }
  }
}
