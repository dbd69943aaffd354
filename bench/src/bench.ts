/** What a benchmark is: something that runs, says what it finds, and returns figures and gates. */

export interface BenchOptions {
  readonly rounds: number;
  /** Of load in one measurement. */
  readonly seconds: number;
  /** The parts that are run, of those that the benchmark offers; null: all. */
  readonly only: readonly string[] | null;
  /** The peers that are measured, of those that the benchmark knows; null: all that are installed. */
  readonly peers: readonly string[] | null;
  /** A folder for node's CPU profiles of what is measured; null: none is taken. */
  readonly profile: string | null;
  readonly say: (line: string) => void;
}

export interface Gate {
  readonly name: string;
  readonly value: string;
  readonly met: boolean;
}

export interface Figures {
  /** Everything measured, for the JSON file. */
  readonly figures: unknown;
  readonly gates: readonly Gate[];
}

export type Bench = (options: BenchOptions) => Promise<Figures>;
