/**
 * `npm run bench -- NAME [--rounds N] [--seconds N]`: runs one benchmark, prints a table, writes `bench/results/NAME.json`, and exits 1
 * when a gate is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { facade } from './facade/run.ts';
import { sync } from './sync/run.ts';

interface Offer {
  readonly run: Bench;
  readonly rounds: number;
  readonly seconds: number;
  readonly what: string;
}

const BENCHES: Readonly<Record<string, Offer>> = {
  facade: { run: facade, rounds: 5, seconds: 4, what: 'the facade beside bare @fastify/http-proxy' },
  sync: {
    run: sync,
    rounds: 3,
    seconds: 10,
    what: "cdc, log and read model beside Postgres' own logical replication",
  },
};

const HELP = [
  'usage: npm run bench -- NAME [--rounds N] [--seconds N]',
  '',
  ...Object.entries(BENCHES).map(
    ([name, { what, rounds, seconds }]) => `  ${name.padEnd(8)}${what} (${rounds} rounds of ${seconds} s)`,
  ),
  '',
  'Exit code 0: every gate met; 1: one was missed; 2: used wrongly. Figures: bench/results/NAME.json. See bench/README.md.',
].join('\n');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readArguments(): {
  values: { rounds?: string; seconds?: string; help?: boolean };
  positionals: string[];
} | null {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { rounds: { type: 'string' }, seconds: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch {
    return null; // An option that there is not.
  }
}

async function main(): Promise<number> {
  const read = readArguments();
  if (read === null) {
    say(HELP);
    return 2;
  }
  const { values, positionals } = read;
  if (values.help === true) {
    say(HELP);
    return 0;
  }
  const [name = ''] = positionals;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench === undefined) {
    say(HELP);
    return 2;
  }
  const rounds = Number(values.rounds ?? bench.rounds);
  const seconds = Number(values.seconds ?? bench.seconds);
  const whole = Number.isInteger(rounds) && Number.isInteger(seconds);
  if (!(whole && rounds >= 1 && rounds <= 100 && seconds >= 1 && seconds <= 600)) {
    say('--rounds takes a whole number from 1 to 100, --seconds from 1 to 600');
    return 2;
  }
  const machine = {
    node: process.version,
    cores: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    load: loadavg()[0] ?? 0,
    at: new Date().toISOString(),
  };
  say(
    `${name}: ${rounds} rounds of ${seconds} s on ${machine.cores} × ${machine.model}, Node ${machine.node}, load average ${machine.load.toFixed(2)}`,
  );
  const { figures, gates } = await bench.run({ rounds, seconds, say });
  const loadAfter = loadavg()[0] ?? 0;
  say(`load average at the end ${loadAfter.toFixed(2)}, the benchmark's own load included`);
  for (const gate of gates) say(`${gate.met ? 'met   ' : 'MISSED'} ${gate.name}: ${gate.value}`);
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    new URL(`${name}.json`, folder),
    `${JSON.stringify({ machine, loadAfter, rounds, seconds, gates, figures }, null, 2)}\n`,
  );
  return gates.every((gate) => gate.met) ? 0 : 1;
}

process.exitCode = await main();
