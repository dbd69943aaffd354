/** A free port of 127.0.0.1, for a process that has to be told one. */
import { freePort } from '@banyan/stack/ports';

/** Nobody listens on it now; somebody else may a moment later. Prefer port 0 wherever the process can say what it got. */
export async function free(): Promise<number> {
  return freePort();
}
