/** Free ports of 127.0.0.1, for processes that have to be told one. */
import { freePort, freePorts } from '@banyan/stack/ports';

/** Nobody listens on it now; somebody else may a moment later. Prefer port 0 wherever the process can say what it got. */
export async function free(): Promise<number> {
  return freePort();
}

/** So many, no two the same. */
export async function freeOnes(count: number): Promise<readonly number[]> {
  return freePorts(count);
}
