/** How far a rebuild has come, in numbers and in words. */

export interface Building {
  readonly copy: string;
  /** Records applied. */
  readonly done: bigint;
  /** Records that there are. */
  readonly total: bigint;
  /** Records applied since `elapsedMs` ago. */
  readonly lately: bigint;
  readonly elapsedMs: number;
}

/** `read_2: 120,000 of 400,000 records (30 %), 40,000/s, 7 s left` */
export function progressLine({ copy, done, total, lately, elapsedMs }: Building): string {
  const share = total === 0n ? 100n : (done * 100n) / total;
  const rate = elapsedMs > 0 ? (Number(lately) * 1_000) / elapsedMs : 0;
  const left = rate > 0 ? `, ${grouped(Math.ceil(Number(total - done) / rate))} s left` : '';
  return `${copy}: ${grouped(done)} of ${grouped(total)} records (${share} %), ${grouped(Math.round(rate))}/s${left}`;
}

/** Thousands apart, by commas. */
export function grouped(value: bigint | number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** The sum of offsets: since they count from the oldest record, how many records lie before them. */
export function sumOf(offsets: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const offset of offsets) sum += offset;
  return sum;
}

/** Whether `own` has come at least as far as `other`, in every partition that `other` knows. */
export function reaches(own: ReadonlyMap<string, bigint>, other: ReadonlyMap<string, bigint>): boolean {
  for (const [partition, offset] of other) if ((own.get(partition) ?? 0n) < offset) return false;
  return true;
}
