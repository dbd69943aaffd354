/** A sink that keeps everything, and can be told to be slow or to fail. */
import type { Event } from '@banyan/cdc/core/source';
import type { Place, Sink } from '@banyan/cdc/sink';

export class MemorySink {
  /** Of every batch, in order. */
  readonly events: Event[] = [];
  readonly places: Place[] = [];
  checkpoint: string | null = null;
  opened = 0;
  /** Called before a batch becomes durable. */
  before: (batch: readonly Event[]) => Promise<void> = async () => undefined;

  readonly open = async (_topics: readonly string[]): Promise<Sink> => {
    this.opened += 1;
    return {
      checkpoint: this.checkpoint,
      watermarks: true,
      checkpointBytes: 8_192,
      send: async (batch, place) => {
        await this.before(batch);
        this.events.push(...batch);
        this.places.push(place);
        this.checkpoint = place.checkpoint;
      },
      close: async () => undefined,
    };
  };
}
