/** `banyan explain METHOD PATH`: which route, which side, and why, by the file and with every breaker closed. */
import { constants, createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { explainRest, explainSoap, fieldsOf, NOBODY, sentence, type Asking, type Explanation } from '../explain.ts';
import { GatewayError } from '../error.ts';
import { loadRouting } from '../routing.ts';
import { overrideOf } from '../override.ts';
import { operationOf, servicesOf } from '../soap.ts';
import type { Table } from '../core/table.ts';
import type { Command } from './command.ts';
import { fail, refuse } from './failure.ts';
import { readFlags, routingFile } from './flags.ts';

const USAGE = 'banyan explain METHOD PATH [-H "Name: value" …] [--soap FILE] [--ip ADDRESS] [--routing FILE] [--json]';
const CALM = { open: () => false, spare: () => true };

export const explain: Command = async (args, terminal) => {
  const options = {
    routing: { type: 'string' },
    json: { type: 'boolean' },
    header: { type: 'string', short: 'H', multiple: true },
    soap: { type: 'string' },
    ip: { type: 'string' },
  } as const;
  const flags = readFlags(args, { options, count: [2, 2], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const [method = 'GET', target = '/'] = flags.words;
  const headers = fieldsOf(flags.list('header'));
  if (!target.startsWith('/') || headers === null) {
    const message = headers === null ? '-H takes "Name: value"' : `"${target}": a path starts with "/"`;
    return fail(terminal, flags.on('json'), { code: 'USAGE', message, more: { usage: USAGE } });
  }
  const file = routingFile(flags, terminal);
  const loaded = await loadRouting(file, terminal.env);
  if (loaded.kind === 'rejected') return refuse(terminal, flags.on('json'), { file, problems: loaded.problems });
  const message = flags.text('soap');
  const override = overrideOf(headers, loaded.table.overrideSecret);
  const asking: Asking = { fields: headers, address: flags.text('ip') ?? NOBODY.address, override };
  const explanation =
    message === undefined
      ? explainRest(loaded.table, { method: method.toUpperCase(), target, asking }, CALM)
      : await soap(loaded.table, target, { message, asking });
  if (flags.on('json')) terminal.out(JSON.stringify({ ...explanation, sentence: sentence(explanation) }));
  else for (const line of lines(explanation)) terminal.out(line);
  return 0;
};

async function soap(table: Table, path: string, asked: { message: string; asking: Asking }): Promise<Explanation> {
  const service = (await servicesOf(table)).get(path);
  if (service === undefined)
    throw new GatewayError('GW_BAD_REQUEST', `${path} is not the path of a SOAP service in the file`);
  await access(asked.message, constants.R_OK).catch((error: unknown) => {
    throw new GatewayError('GW_BAD_REQUEST', `cannot read ${asked.message}: --soap takes a file with the message`, {
      cause: error,
    });
  });
  const found = await operationOf(service, asked.asking.fields, createReadStream(asked.message));
  const { element, ...operation } = found;
  return explainSoap(table, path, { ...operation, asking: { ...asked.asking, element } }, CALM);
}

function lines(explanation: Explanation): string[] {
  const { route, match, stage, operation, params, rest } = explanation;
  const given = Object.entries(params).map(([name, value]) => `${name}=${value}`);
  return [
    `route     ${route}${match === null ? ' (no route names this request)' : ''}`,
    ...(match === null ? [] : [`match     ${match}`]),
    ...(operation === null ? [] : [`operation ${operation}`]),
    ...(stage === null ? [] : [`stage     ${stage}`]),
    ...(given.length === 0 ? [] : [`params    ${given.join(' ')}`]),
    ...(rest === null ? [] : [`rest      ${rest.method} ${rest.path}${rest.body === null ? '' : ` ${rest.body}`}`]),
    `decision  ${sentence(explanation)}`,
  ];
}
