/** `banyan check [FILE]`: validates `routing.yaml` without serving it. */
import { GatewayError } from '../error.ts';
import { loadRouting } from '../routing.ts';
import type { Problem } from '../routing/document.ts';
import { servicesOf } from '../soap.ts';
import { BadBridges } from '../soap/prove.ts';
import type { Command, ExitCode, Terminal } from './command.ts';
import { readFlags } from './flags.ts';

export const check: Command = async (args, terminal) => {
  const flags = readFlags(
    args,
    {
      options: { json: { type: 'boolean' }, routing: { type: 'string' } },
      count: [0, 1],
      usage: 'banyan check [FILE] [--json]',
    },
    terminal,
  );
  if (flags === null) return 2;
  const path = flags.words[0] ?? flags.text('routing') ?? terminal.env['ROUTING_FILE'] ?? 'routing.yaml';
  try {
    const loaded = await loadRouting(path, terminal.env);
    if (loaded.kind === 'rejected')
      return tell(path, { problems: loaded.problems, warnings: [], json: flags.on('json') }, terminal);
    await servicesOf(loaded.table);
    return tell(path, { problems: [], warnings: loaded.warnings, json: flags.on('json') }, terminal);
  } catch (error) {
    if (error instanceof BadBridges)
      return tell(path, { problems: error.problems, warnings: [], json: flags.on('json') }, terminal);
    if (!(error instanceof GatewayError) || error.code !== 'GW_BAD_WSDL') throw error;
    return tell(
      path,
      { problems: [{ line: 1, column: 1, message: error.message }], warnings: [], json: flags.on('json') },
      terminal,
    );
  }
};

interface Finding {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly json: boolean;
}

function tell(path: string, { problems, warnings, json }: Finding, terminal: Terminal): ExitCode {
  if (json) terminal.out(JSON.stringify({ file: path, valid: problems.length === 0, problems, warnings }));
  else {
    for (const problem of problems)
      terminal.out(`${path}:${problem.line}:${problem.column}: error: ${problem.message}`);
    for (const warning of warnings)
      terminal.out(`${path}:${warning.line}:${warning.column}: warning: ${warning.message}`);
    terminal.out(
      problems.length > 0
        ? `${path}: ${problems.length} ${problems.length === 1 ? 'error' : 'errors'}`
        : `${path}: valid${warnings.length > 0 ? `, ${warnings.length} to look at` : ''}`,
    );
  }
  return problems.length > 0 ? 1 : 0;
}
