/**
 * Active checks: each URL of an upstream is asked for `health.path` on a connection of its own, one check after the other, never
 * two at once. A check that finds 2xx or 3xx within its time is a good one.
 */
import { Client } from 'undici';
import type { Upstream } from './core/table.ts';

/** A server that needs longer to say that it is well is not, in milliseconds. */
export const CHECK_LIMIT_MS = 2_000;
// Of the pause: so that the checks of many replicas do not fall together.
const JITTER = 0.2;
// A health page is a few words; what is longer is not read on.
const MAX_BODY_BYTES = 64 * 1024;

export interface Checks {
  /** No check begins any more, and one under way is called off. */
  stop(): void;
}

/** Checks `url` until it is stopped; `found` is told of each check. */
export function checkHealth(
  upstream: Upstream,
  url: string,
  health: NonNullable<Upstream['health']>,
  found: (ok: boolean) => void,
): Checks {
  const client = new Client(url, { pipelining: 0, connect: { timeout: CHECK_LIMIT_MS } });
  const headers = upstream.host.kind === 'name' ? { host: upstream.host.name } : {};
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const later = (): void => {
    const pause = health.everyMs * (1 - JITTER / 2 + JITTER * Math.random());
    timer = setTimeout(() => void once(), pause);
  };
  const once = async (): Promise<void> => {
    const ok = await isWell(client, health.path, headers);
    if (stopped) return;
    found(ok);
    later();
  };
  // Not all at once at the start either.
  timer = setTimeout(() => void once(), health.everyMs * Math.random());
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      client.destroy().catch(() => undefined);
    },
  };
}

async function isWell(client: Client, path: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(CHECK_LIMIT_MS);
    const { statusCode, body } = await client.request({ method: 'GET', path, headers, signal });
    await body.dump({ limit: MAX_BODY_BYTES, signal });
    return statusCode >= 200 && statusCode < 400;
  } catch {
    return false; // Unreachable, late, garbled: whatever it is, it is not well.
  }
}
