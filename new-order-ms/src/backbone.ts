/** The backbone that this service reads. The only importer of the log's implementation. */
import { openLog as open } from '@banyan/backbone/log';
import type { Backbone } from '@banyan/backbone/transport';

/**
 * @param applicationName shown by the log's server
 * @param onTrouble told of what went wrong in the background, and is being tried again
 * @throws BackboneError when the log cannot be reached, or does not let us in
 */
export function openLog(url: string, applicationName: string, onTrouble: (error: unknown) => void): Promise<Backbone> {
  // Dropping what is too old is the business of the processes that write; the connector does it.
  return open({ url, applicationName, onTrouble, retentionEveryMs: null });
}
