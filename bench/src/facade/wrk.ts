/**
 * The load by wrk, where it is installed: it takes a quarter of the CPU of our own client, which leaves more of the load's core to the
 * server behind the proxy. Closed loops only.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Load, Loaded } from '../load.ts';
import { runProgram } from '../process.ts';

/** Whether `wrk` can be run. It has no option that ends with 0; what counts is that it starts. */
export const hasWrk: boolean = spawnSync('wrk', ['--version']).error === undefined;

const END_LIMIT_MS = 20_000; // Beyond the load's own seconds; wrk waits for answers for two.

/** @param folder where a script may be written @throws when wrk fails, or says nothing that can be read */
export async function loadByWrk(load: Load, folder: string, core: number): Promise<Loaded> {
  const script = join(folder, 'load.lua');
  const asks = join(folder, 'load.txt');
  const message = join(folder, 'load.body');
  writeFileSync(script, scriptOf(load, asks, message));
  writeFileSync(asks, asksOf(load));
  writeFileSync(message, load.message?.text ?? 'x'.repeat(load.body));
  const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '-s', script, `http://127.0.0.1:${load.port}/`];
  const said = await runProgram('wrk', args, core, load.seconds * 1_000 + END_LIMIT_MS);
  const line = said.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk said nothing that can be read: ${said.slice(-500)}`);
  return JSON.parse(line) as Loaded;
}

/** A path and a customer on each line: as many lines as there are different requests. */
function asksOf({ paths, customers }: Load): string {
  const lines = Array.from(
    { length: Math.max(paths.length, customers.length) },
    (_, index) => `${paths[index % paths.length]} ${customers[index % customers.length]}`,
  );
  return `${lines.join('\n')}\n`;
}

/** Requests are made before the load begins, so that taking one costs a table look-up. */
function scriptOf({ method, body, message }: Load, asks: string, file: string): string {
  const type = message?.type ?? 'application/json';
  const content =
    body === 0 && message === undefined
      ? ''
      : `wrk.body = io.open("${file}", "rb"):read("*a")\nwrk.headers["content-type"] = "${type}"\n`;
  return `${content}local asks, at = {}, 0
function init()
  for line in io.lines("${asks}") do
    local path, customer = line:match("(%S+) (%S+)")
    wrk.headers["x-customer-id"] = customer
    asks[#asks + 1] = wrk.format("${method}", path, wrk.headers, wrk.body)
  end
end
function request()
  at = at % #asks + 1
  return asks[at]
end
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{"requests":%d,"failures":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f}', summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
`;
}
