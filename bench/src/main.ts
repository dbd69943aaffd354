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

const BENCHES: Readonly<Record<string, { run: Bench; rounds: number; seconds: number }>> = {
  facade: { run: facade, rounds: 5, seconds: 4 },
  sync: { run: sync, rounds: 3, seconds: 10 },
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string' }, seconds: { type: 'string' } },
  });
  const [name = ''] = positionals;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench === undefined) {
    say(`usage: npm run bench -- NAME [--rounds N] [--seconds N]     NAME: ${Object.keys(BENCHES).join(', ')}`);
    return 2;
  }
  const rounds = Number(values.rounds ?? bench.rounds);
  const seconds = Number(values.seconds ?? bench.seconds);
  if (!(rounds >= 1 && rounds <= 100 && seconds >= 1 && seconds <= 600)) {
    say('--rounds takes 1 to 100, --seconds 1 to 600');
    return 2;
  }
  const machine = {
    node: process.version,
    cores: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    load: loadavg()[0] ?? 0,
  };
  say(
    `${name}: ${rounds} rounds of ${seconds} s on ${machine.cores} × ${machine.model}, Node ${machine.node}, load average ${machine.load.toFixed(2)}`,
  );
  const { figures, gates } = await bench.run({ rounds, seconds, say });
  for (const gate of gates) say(`${gate.met ? 'met   ' : 'MISSED'} ${gate.name}: ${gate.value}`);
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    new URL(`${name}.json`, folder),
    `${JSON.stringify({ machine, rounds, seconds, gates, figures }, null, 2)}\n`,
  );
  return gates.every((gate) => gate.met) ? 0 : 1;
}

process.exitCode = await main();
