/**
 * What the log may want to know of a request's way: written as it goes, numbers into fields that are there, because most requests
 * are not logged and must not pay for those that are.
 */
export class Marks {
  /** When a connection was to be had, on the clock of `performance.now()`; 0 when none was. */
  connected = 0;
  /** When the answer's head came, on the same clock; 0 when none came. */
  head = 0;
  /** Of the answer's body. */
  bytesOut = 0;
  /** Whom the request was sent to, as `routing.yaml` names it; empty: nobody. */
  url = '';

  /** A connection was to be had, now. */
  reached(url: string): void {
    this.connected = performance.now();
    this.url = url;
  }
}
