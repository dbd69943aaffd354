/**
 * A stack of stand-ins for the tests: what `npm start` does, with services that a test can bend. The services come as JSON in
 * the first argument: `[{ name, args, port }]`, and an optional `dataDir` and `postgresPort` for an embedded Postgres before them.
 */
import { fileURLToPath } from 'node:url';
import { prefixed, readable } from '@banyan/stack/core/lines';
import { guard } from '@banyan/stack/guard';
import { lock } from '@banyan/stack/lock';
import { runPostgres, runService } from '@banyan/stack/run';
import { operate } from '@banyan/stack/stack';

const { services, dataDir, postgresPort } = JSON.parse(process.argv[2]);
const program = fileURLToPath(new URL('standin.mjs', import.meta.url));
const say = (line) => process.stdout.write(`${line}\n`);
const print = (text) => text.split('\n').forEach((line) => say(prefixed('stack', 8, line)));
const printOf = (name) => (line) => readable(line).forEach((part) => say(prefixed(name, 8, part)));

let unlock = async () => undefined;
process.exitCode = await operate(
  async (stack) => {
    unlock = await lock(dataDir, guard().pid, () => print('waiting for what an earlier stack left behind'));
    if (postgresPort !== undefined) {
      const options = { dataDir: `${dataDir}/postgres`, port: postgresPort, password: 'p', flags: ['fsync=off'] };
      await stack.start('postgres', () => runPostgres(options, printOf('postgres')), 60_000);
    }
    for (const { name, args, port, limitMs = 30_000 } of services)
      await stack.start(
        name,
        () =>
          runService(
            {
              name,
              args: [program, '--port', String(port), ...args],
              env: process.env,
              readyUrl: `http://127.0.0.1:${port}/readyz`,
              stopLimitMs: 500,
            },
            printOf(name),
          ),
        limitMs,
      );
    return 'ready http://127.0.0.1:1';
  },
  print,
  say,
);
await unlock();
