/** Waiting for something to become true, with a limit that only a broken program reaches. */
import { vi } from 'vitest';

const LIMIT_MS = 20_000;

/** @throws Error naming `what` when `check` has not answered true within the limit */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  limitMs: number = LIMIT_MS,
): Promise<void> {
  await vi.waitFor(
    async () => {
      if (!(await check())) throw new Error(`still waiting: ${what}`);
    },
    { timeout: limitMs, interval: 10 },
  );
}
