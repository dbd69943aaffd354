/**
 * The load by wrk, where it is installed: it takes a quarter of the CPU of our own client, which leaves more of the load's core to the
 * server behind the proxy.
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
  writeFileSync(script, scriptOf(load));
  const args = [
    '-t1',
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    '-s',
    script,
    `http://127.0.0.1:${load.port}${load.path}`,
  ];
  const said = await runProgram('wrk', args, core, load.seconds * 1_000 + END_LIMIT_MS);
  const line = said.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk said nothing that can be read: ${said.slice(-500)}`);
  return JSON.parse(line) as Loaded;
}

/** What wrk prints is for people; the script prints the same as our own client. */
function scriptOf({ method, body }: Load): string {
  const request =
    body === 0 ? '' : `wrk.body = string.rep("x", ${body})\nwrk.headers["content-type"] = "application/json"\n`;
  return `wrk.method = "${method}"
${request}function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{"requests":%d,"failures":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f}', summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
`;
}
