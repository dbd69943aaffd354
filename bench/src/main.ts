/**
 * `npm run bench -- NAME [--rounds N] [--seconds N] [--only PART,…] [--peers NAME,…] [--profile]`: runs one benchmark, prints a table,
 * writes `bench/results/NAME.json`, and exits 1 when a gate is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { breaker } from './breaker/run.ts';
import { PEERS } from './facade/peer.ts';
import { facade } from './facade/run.ts';
import { NAMES } from './facade/workload.ts';
import { shadow } from './shadow/run.ts';
import { NAMES as SOAP_NAMES, soap } from './soap/run.ts';
import { sync } from './sync/run.ts';

interface Offer {
  readonly run: Bench;
  readonly rounds: number;
  readonly seconds: number;
  readonly what: string;
  /** What `--only` and `--peers` may name; a benchmark without them takes neither, nor `--profile`. */
  readonly parts?: { readonly only: readonly string[]; readonly peers: readonly string[] };
}

const BENCHES: Readonly<Record<string, Offer>> = {
  facade: {
    run: facade,
    rounds: 5,
    seconds: 2,
    what: 'the facade beside bare @fastify/http-proxy, and whichever peers are installed',
    parts: { only: NAMES, peers: PEERS.map(({ name }) => name) },
  },
  breaker: {
    run: breaker,
    rounds: 5,
    seconds: 2,
    what: 'what a tenth of failures costs beside itself, beside opossum around each request',
  },
  shadow: {
    run: shadow,
    rounds: 10,
    seconds: 6,
    what: 'what callers notice of all their reads being asked a second time, of a side that hangs',
  },
  soap: {
    run: soap,
    rounds: 5,
    seconds: 2,
    what: 'SOAP messages of 2 and 200 KB through the facade, beside bare @fastify/http-proxy and a REST route',
    parts: { only: SOAP_NAMES, peers: [] },
  },
  sync: {
    run: sync,
    rounds: 3,
    seconds: 10,
    what: "cdc, log and read model beside Postgres' own logical replication",
  },
};

const HELP = [
  'usage: npm run bench -- NAME [--rounds N] [--seconds N] [--only PART,…] [--peers NAME,…|none] [--profile]',
  '',
  ...Object.entries(BENCHES).flatMap(([name, { what, rounds, seconds, parts }]) => [
    `  ${name.padEnd(8)}${what} (${rounds} rounds of ${seconds} s)`,
    ...(parts === undefined
      ? []
      : [`          parts: ${parts.only.join(', ')}; peers: ${parts.peers.join(', ') || 'none'}`]),
  ]),
  '',
  'Exit code 0: every gate met; 1: one was missed; 2: used wrongly. Figures: bench/results/NAME.json. See bench/README.md.',
].join('\n');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Values {
  readonly rounds?: string;
  readonly seconds?: string;
  readonly only?: string;
  readonly peers?: string;
  readonly profile?: boolean;
  readonly help?: boolean;
}

function readArguments(): { values: Values; positionals: string[] } | null {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        only: { type: 'string' },
        peers: { type: 'string' },
        profile: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch {
    return null; // An option that there is not.
  }
}

/** What a list names, all of which is known; null: there is no list. @throws with a sentence for the user */
function listed(flag: string, text: string | undefined, known: readonly string[]): readonly string[] | null {
  if (text === undefined) return null;
  const names = text === 'none' ? [] : text.split(',');
  const odd = names.find((name) => !known.includes(name));
  if (odd !== undefined)
    throw new RangeError(
      `${flag} ${odd}: ${known.length === 0 ? 'not for this benchmark' : `one of ${known.join(', ')}`}`,
    );
  return names;
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
  let lists: { only: readonly string[] | null; peers: readonly string[] | null };
  try {
    lists = {
      only: listed('--only', values.only, bench.parts?.only ?? []),
      peers: listed('--peers', values.peers, bench.parts?.peers ?? []),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    say(error.message);
    return 2;
  }
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
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
  if (machine.load > 1)
    say('the machine is busy with something else: only ratios mean anything, and gates may be missed');
  const profile = values.profile === true && bench.parts !== undefined ? fileURLToPath(folder) : null;
  const { figures, gates } = await bench.run({ rounds, seconds, ...lists, profile, say });
  const loadAfter = loadavg()[0] ?? 0;
  say(`load average at the end ${loadAfter.toFixed(2)}, the benchmark's own load included`);
  for (const gate of gates) say(`${gate.met ? 'met   ' : 'MISSED'} ${gate.name}: ${gate.value}`);
  writeFileSync(
    new URL(`${name}.json`, folder),
    `${JSON.stringify({ machine, loadAfter, rounds, seconds, gates, figures }, null, 2)}\n`,
  );
  return gates.every((gate) => gate.met) ? 0 : 1;
}

process.exitCode = await main();
