/**
 * Connections for second questions. (Callers' requests go over our own: `wire/`.)
 *
 * A pool of undici 7.30 takes a client that refuses a request for a busy one, and waits for ever for it to become free: as many bad
 * requests as there are connections would cut the upstream off (`pool-base.js`). So a client with nothing in hand says that it is free.
 */
import { Client, type Dispatcher } from 'undici';

class Connection extends Client {
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return super.dispatch(options, handler) || this.stats.size === 0;
  }
}

/** What a pool makes its clients with. */
export function connection(origin: URL, options: object): Dispatcher {
  return new Connection(origin, options);
}
