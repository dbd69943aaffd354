/** Where events go: what the connector asks of the backbone's log, of standard output, and later of Kafka. */
import type { WatermarkJson, WatermarkRecord } from '@banyan/backbone/core/fence';
import type { Event } from './core/source.ts';

export interface Place {
  /** Kept by the sink so that it comes back exactly when the batch is durable. */
  readonly checkpoint: string;
  /** Published behind the batch; null: none. */
  readonly watermark: WatermarkJson | null;
  readonly swept: NonNullable<WatermarkRecord['swept']> | null;
}

export interface Sink {
  /** The checkpoint that was found at opening; null when there was none. */
  readonly checkpoint: string | null;
  /** Whether watermarks have a place in it; where not, only one that has rows swept is given to it. */
  readonly watermarks: boolean;
  /** Longest checkpoint that it keeps, in bytes. */
  readonly checkpointBytes: number;
  /**
   * Resolves when the batch is durable. An empty batch moves the checkpoint alone. After it has thrown, the sink is finished:
   * open another one, whose checkpoint says what became of the batch.
   * @throws CdcError
   */
  send(batch: readonly Event[], place: Place): Promise<void>;
  close(): Promise<void>;
}

/** Opens a sink that will write to `topics`; whoever had it open before is shut out. @throws CdcError */
export type OpenSink = (topics: readonly string[]) => Promise<Sink>;
