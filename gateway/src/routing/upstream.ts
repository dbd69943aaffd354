/** The file's upstreams as the facade forwards to them: units become numbers, and what is not said gets its default. */
import { parsePercent } from '../core/stage.ts';
import type { Host, Upstream } from '../core/table.ts';
import { parseDuration } from '../core/unit.ts';
import type { Path } from './document.ts';
import type { Report } from './problem.ts';
import type { FileUpstream } from './shape.ts';

/** What a file says nothing about. Times in milliseconds. */
const DEFAULTS = {
  // A listening server on the same network answers SYN within a few milliseconds; a second means it is gone.
  connectMs: 1_000,
  headersMs: 5_000, // routing.yaml's documented default
  bodyMs: 30_000, // silence between two chunks, not the whole body
  connections: 128,
  breaker: { errors: 0.5, volume: 20, windowMs: 10_000, resetMs: 5_000 },
  health: { everyMs: 2_000, fall: 3, rise: 2 },
  // A server that is not idle already takes a hundred reads a second; half as much again as it does is no doubling.
  spare: { perSecond: 100, share: 0.5 },
} as const;

export function upstreamOf(name: string, entry: FileUpstream): Upstream {
  const long = typeof entry === 'string' ? { url: entry } : entry;
  const { breaker, health, timeout, spare } = long;
  return {
    name,
    urls: (Array.isArray(long.url) ? long.url : [long.url]).map((url) => url.replace(/\/$/, '')),
    timeout: {
      connectMs: ms(timeout?.connect, DEFAULTS.connectMs),
      headersMs: ms(timeout?.headers, DEFAULTS.headersMs),
      bodyMs: ms(timeout?.body, DEFAULTS.bodyMs),
      totalMs: timeout?.total === undefined ? null : parseDuration(timeout.total),
    },
    connections: Number(long.connections ?? DEFAULTS.connections),
    health:
      health === undefined
        ? null
        : {
            path: health.path,
            everyMs: ms(health.every, DEFAULTS.health.everyMs),
            fall: Number(health.fall ?? DEFAULTS.health.fall),
            rise: Number(health.rise ?? DEFAULTS.health.rise),
          },
    breaker: {
      errors: parsePercent(breaker?.errors ?? '') ?? DEFAULTS.breaker.errors,
      volume: Number(breaker?.volume ?? DEFAULTS.breaker.volume),
      windowMs: ms(breaker?.window, DEFAULTS.breaker.windowMs),
      resetMs: ms(breaker?.reset, DEFAULTS.breaker.resetMs),
    },
    spare: {
      perSecond: Number(spare?.rate ?? DEFAULTS.spare.perSecond),
      share: parsePercent(spare?.share ?? '') ?? DEFAULTS.spare.share,
    },
    host: hostOf(long.host ?? 'caller'),
    rewrite: {
      location: long.rewrite?.includes('location') ?? false,
      cookies: long.rewrite?.includes('cookies') ?? false,
    },
  };
}

function ms(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : (parseDuration(text) ?? otherwise);
}

function hostOf(text: string): Host {
  return text === 'caller' || text === 'own' ? { kind: text } : { kind: 'name', name: text };
}

/** The longest time that a file may name. Node's timers hold 24 days and fire at once beyond; a day is more than anybody means. */
export const MOST_MS = 86_400_000;

/** Limits that need the numbers: times that a timer can hold, URLs that are different servers. */
export function checkUpstream({ name, urls, timeout, breaker, health }: Upstream, report: Report): void {
  const check = (path: Path, given: number, least: { readonly ms: number; readonly because: string }): void => {
    if (given < least.ms || given > MOST_MS)
      report(['upstreams', name, ...path], `expected from ${least.because} to 1d`);
  };
  const some = { ms: 1, because: '1ms' };
  check(['timeout', 'connect'], timeout.connectMs, some);
  check(['timeout', 'headers'], timeout.headersMs, some);
  check(['timeout', 'body'], timeout.bodyMs, some);
  if (timeout.totalMs !== null) check(['timeout', 'total'], timeout.totalMs, some);
  check(['breaker', 'reset'], breaker.resetMs, some);
  check(['breaker', 'window'], breaker.windowMs, { ms: 1_000, because: '1s (ten buckets share it)' });
  if (health !== null) check(['health', 'every'], health.everyMs, { ms: 100, because: '100ms' });
  for (const [index, url] of urls.entries())
    if (urls.indexOf(url) !== index) report(['upstreams', name, 'url', index], `"${url}" is there already`);
}
