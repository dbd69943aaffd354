/** `banyan soap scaffold WSDL`: prints the routes of a service's operations, for a person to edit. */
import { codecOf } from '../core/soap/codec.ts';
import { scaffoldOf } from '../core/soap/scaffold.ts';
import { loadService } from '../soap/wsdl.ts';
import type { Command } from './command.ts';
import { fail } from './failure.ts';
import { readFlags } from './flags.ts';

const USAGE = 'banyan soap scaffold WSDL [--path /soap/Service] [--upstream NAME] [--json]';
const PATH = /^\/[A-Za-z0-9._~!$&'()+,;=@/-]*$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const soap: Command = (args, terminal) => {
  const [what = '', ...rest] = args;
  if (what === 'scaffold') return scaffold(rest, terminal);
  const message = what === '' ? 'banyan soap needs a command' : `banyan soap has no command "${what}"`;
  const code = fail(terminal, args.includes('--json'), { code: 'USAGE', message, more: { usage: USAGE } });
  terminal.err(`usage: ${USAGE}`);
  return Promise.resolve(code);
};

const scaffold: Command = async (args, terminal) => {
  const options = { path: { type: 'string' }, upstream: { type: 'string' }, json: { type: 'boolean' } } as const;
  const flags = readFlags(args, { options, count: [1, 1], usage: USAGE }, terminal);
  if (flags === null) return 2;
  const [file = ''] = flags.words;
  const name = /([^/\\]+?)(?:\.wsdl)?$/i.exec(file)?.[1] ?? 'Service';
  const path = flags.text('path') ?? `/soap/${encodeURIComponent(name)}`;
  const upstream = flags.text('upstream') ?? 'new-service';
  if (!PATH.test(path) || !NAME.test(upstream)) {
    const message = PATH.test(path) ? `"${upstream}" is no name of an upstream` : `"${path}" is no path`;
    return fail(terminal, flags.on('json'), { code: 'USAGE', message, more: { usage: USAGE } });
  }
  const service = await loadService(path, file);
  const text = scaffoldOf(service, { file, path, upstream, codecs: (element) => codecOf(service.schemas, element) });
  if (flags.on('json')) terminal.out(JSON.stringify({ path, operations: service.operations.length, yaml: text }));
  else terminal.out(text.trimEnd());
  return 0;
};
