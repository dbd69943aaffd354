/**
 * The `banyan` command: finds the subcommand, runs it, exits with its code. With `command/start.ts` the only place of the
 * gateway that touches argv, standard streams and signals.
 */
import { check } from './command/check.ts';
import type { Command, Terminal } from './command/command.ts';
import { explain } from './command/explain.ts';
import { fail } from './command/failure.ts';
import { flip } from './command/flip.ts';
import { parity } from './command/parity.ts';
import { routes } from './command/routes.ts';
import { schema } from './command/schema.ts';
import { soap } from './command/soap.ts';
import { start } from './command/start.ts';
import { status } from './command/status.ts';
import { GatewayError } from './error.ts';

const later =
  (name: string): Command =>
  (args, terminal) => {
    const message = `banyan ${name} is not supported yet`;
    return Promise.resolve(fail(terminal, args.includes('--json'), { code: 'USAGE', message }));
  };

/** The connector is its own deployable: loaded only when it is asked for. */
const cdc: Command = async (args) => {
  const connector = await import('@banyan/cdc/command');
  return (await connector.cdc(args)) === 0 ? 0 : 2;
};

const COMMANDS: Readonly<Record<string, readonly [what: string, command: Command]>> = {
  start: ['run the facade', start],
  check: ['validate routing.yaml', check],
  routes: ['list the routes', routes],
  explain: ['say where a request would go, and why', explain],
  flip: ['move a route to another stage', flip],
  status: ['ask a running facade how it is', status],
  parity: ['compare the answers of both sides', parity],
  cdc: ['run the change data capture connector', cdc],
  schema: ['print the JSON Schema of routing.yaml', schema],
  soap: ['write the routes of a SOAP service', soap],
  replay: ['replay dead letters (not supported yet)', later('replay')],
  controller: ['promote and guard routes (not supported yet)', later('controller')],
  traffic: ['watch the traffic (not supported yet)', later('traffic')],
};

async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name = '', ...args] = argv;
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (found === undefined) {
    const asked = name === '' || name === 'help' || name === '--help' || name === '-h';
    const say = (line: string): void => (asked && name !== '' ? terminal.out(line) : terminal.err(line));
    if (!asked) say(`banyan has no command "${name}"`);
    say('usage: banyan COMMAND …');
    for (const [command, [what]] of Object.entries(COMMANDS)) say(`  ${command.padEnd(11)}${what}`);
    return asked && name !== '' ? 0 : 2;
  }
  try {
    return await found[1](args, terminal);
  } catch (error) {
    const json = args.includes('--json');
    if (error instanceof GatewayError) return fail(terminal, json, error);
    // A defect of this program: not "found something", which is 1 and node's own choice.
    const message = `banyan ${name} failed by a defect of its own: ${String(error)}`;
    if (error instanceof Error && error.stack !== undefined) terminal.err(error.stack);
    return fail(terminal, json, { code: 'GW_INTERNAL', message });
  }
}

let unwritten = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
    // Whoever read has gone (`banyan routes | head -1`): the rest is for nobody, and no reason to fail.
    if (code === 'EPIPE' || unwritten) return;
    unwritten = true;
    process.exitCode = 2;
    if (stream === process.stdout) process.stderr.write(`cannot write to standard output: ${code}\n`);
  });
}

const code = await run(process.argv.slice(2), {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  env: process.env,
  interactive: process.stdout.isTTY === true,
});
process.exitCode = unwritten ? 2 : code;
