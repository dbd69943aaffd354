/** `banyan routes`: the table as it stands in the file. */
import { rowsOf } from '../explain.ts';
import { loadRouting } from '../routing.ts';
import type { Command } from './command.ts';
import { refuse } from './failure.ts';
import { readFlags, routingFile } from './flags.ts';
import { columns } from './table.ts';

export const routes: Command = async (args, terminal) => {
  const flags = readFlags(
    args,
    {
      options: { routing: { type: 'string' }, json: { type: 'boolean' } },
      count: [0, 0],
      usage: 'banyan routes [--routing FILE] [--json]',
    },
    terminal,
  );
  if (flags === null) return 2;
  const file = routingFile(flags, terminal);
  const loaded = await loadRouting(file, terminal.env);
  if (loaded.kind === 'rejected') return refuse(terminal, flags.on('json'), { file, problems: loaded.problems });
  const rows = rowsOf(loaded.table);
  if (flags.on('json')) terminal.out(JSON.stringify(rows));
  else
    for (const line of columns([
      ['ROUTE', 'STAGE', 'NEW', 'MATCH'],
      ...rows.map((row) => [row.id, row.stage, row.new ?? '-', row.match]),
    ]))
      terminal.out(line);
  return 0;
};
