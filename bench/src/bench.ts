/** What a benchmark is: something that runs, says what it finds, and returns figures and gates. */

export interface BenchOptions {
  readonly rounds: number;
  /** Of load in one measurement. */
  readonly seconds: number;
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
