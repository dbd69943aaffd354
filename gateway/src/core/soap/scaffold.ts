/**
 * The routes of a service, written for a person to go on from: every operation at the stage `legacy`, where it changes nothing, with
 * what its messages hold and the beginning of a bridge as comments. Nothing is guessed: whether an operation only reads, and what its
 * REST service is called, are for the operator to say. The text is valid as it stands.
 */
import type { Codecs } from './bridge.ts';
import type { Encoding } from './config.ts';
import { fieldsOf } from './find.ts';
import type { Name } from './scope.ts';
import type { Operation, Service } from './service.ts';
import type { Field, Type } from './type.ts';

export interface Scaffold {
  /** Of the WSDL, as it is to stand in `routing.yaml`. */
  readonly file: string;
  /** The facade's path of the service. */
  readonly path: string;
  readonly upstream: string;
  readonly codecs: Codecs<Encoding>;
}

/** The keys `wsdls:` and `routes:` of a routing file. */
export function scaffoldOf(service: Service, scaffold: Scaffold): string {
  const { path, file } = scaffold;
  const ids = new Set<string>();
  const head = [
    '# Every operation stays with legacy until its stage says otherwise. Of each one decide:',
    '# - "effect": a SOAP call is always a POST, so nothing tells whether it only reads. Until you say "read" it counts as a write: it is',
    '#   never sent twice, never answered by legacy instead, and shadowed as a dry run only.',
    '# - "new": who takes over. Without "rest" it is sent the message as it came; with "rest" it is asked in REST (docs/bridge.md).',
    '# "banyan check" proves what you write against the WSDL.',
    'wsdls:',
    `  ${quoted(path)}: { file: ${quoted(file)} }`,
    '',
    'routes:',
  ];
  const shared = new Set(service.shared.flatMap(({ operations }) => operations));
  const routes = service.operations.flatMap((operation) =>
    routeOf(operation, scaffold, {
      id: idOf(operation.name, ids),
      shared: shared.has(operation),
      unique: service.operations.filter(({ name }) => name === operation.name).length === 1,
    }),
  );
  const opaque = service.opaque.map(
    (name) => `  # ${line(name)} cannot be told by its body, so it has no route: it goes where the default goes`,
  );
  return `${[...head, ...routes, ...opaque].join('\n')}\n`;
}

/** `soap-get-order`; with a number where that is taken. */
function idOf(name: string, taken: Set<string>): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
  const base = `soap-${words === '' ? 'operation' : words}`.slice(0, 60);
  let id = base;
  for (let count = 2; taken.has(id); count += 1) id = `${base}-${count}`;
  taken.add(id);
  return id;
}

function routeOf(
  operation: Operation,
  { path, upstream, codecs }: Scaffold,
  { id, shared, unique }: { readonly id: string; readonly shared: boolean; readonly unique: boolean },
): string[] {
  const { input, output, faults, oneWay } = operation;
  const match = matchOf(operation, path, unique);
  const said = (element: Name | null): string => (element === null ? 'nothing' : shown(element, codecs));
  const lines = [
    `  ${id}:`,
    `    match: ${match}`,
    '    # effect: read                # uncomment once you know that calling it changes nothing',
    '    stage: legacy',
    `    # takes   ${said(input)}`,
    `    # answers ${oneWay ? 'nothing: it is one-way' : said(output)}`,
    ...faults.map((fault) => `    # fault   ${line(fault.name)}: ${said(fault.element)}`),
  ];
  const obstacle = obstacleTo(operation, codecs, shared);
  if (obstacle !== null) return [...lines, `    # cannot be bridged: ${line(obstacle)}`, `    # new: ${upstream}`, ''];
  const known = codecs(input ?? { namespace: '', local: '' });
  const inputs = known.kind === 'codec' ? fieldsOf(known.codec.shape) : [];
  const required = inputs
    .filter(({ type, min, max }) => type.kind === 'simple' && min === 1 && max === 1)
    .map(({ key }) => `/{${key}}`)
    .join('');
  const answer = output === null ? undefined : codecs(output);
  const outs = answer?.kind === 'codec' ? fieldsOf(answer.codec.shape).filter(({ place }) => place === 'element') : [];
  return [
    ...lines,
    '    # new:',
    `    #   upstream: ${upstream}`,
    `    #   rest: METHOD /path${required}      # such as GET /api/things${required}`,
    ...(outs.length === 1 && outs[0] !== undefined ? [`    #   response: ${quoted(outs[0].key)}`] : []),
    ...(outs.length > 1
      ? [`    #   response: { 200: { ${outs.map(({ key }) => `${quoted(key)}: $.${line(key)}`).join(', ')} } }`]
      : []),
    ...(faults.length === 0
      ? []
      : [`    #   faults: { ${faults.map((fault) => `STATUS: ${quoted(fault.name)}`).join(', ')} }`]),
    '',
  ];
}

/** By its name, which the WSDL leads to the element; by that where several operations share the name. */
function matchOf({ name, input }: Operation, path: string, unique: boolean): string {
  return quoted(`SOAP ${path} ${unique || input === null ? name : `{${input.namespace}}${input.local}`}`);
}

function obstacleTo(
  { style, input, output, oneWay }: Operation,
  codecs: Codecs<Encoding>,
  shared: boolean,
): string | null {
  if (style === 'rpc') return 'it is of rpc style';
  if (shared) return 'another operation takes the same element';
  for (const element of [input, oneWay ? null : output]) {
    const found = element === null ? null : codecs(element);
    if (found?.kind === 'unusable') return found.because;
  }
  return null;
}

// Enough to know a message by; a claim of an insurer has hundreds.
const MAX_SHOWN = 12;

/** `GetOrder { orderId: string }`. */
function shown(element: Name, codecs: Codecs<Encoding>): string {
  const found = codecs(element);
  if (found.kind === 'unusable') return line(element.local);
  const fields = fieldsOf(found.codec.shape);
  const some = fields.slice(0, MAX_SHOWN).map(fieldText);
  const more = fields.length > MAX_SHOWN ? [`and ${fields.length - MAX_SHOWN} more`] : [];
  return line(`${element.local} { ${[...some, ...more].join(', ')} }`);
}

function fieldText({ key, min, max, type }: Field): string {
  return `${key}${min === 0 ? '?' : ''}: ${typeText(type)}${max > 1 ? '[]' : ''}`;
}

function typeText(type: Type): string {
  if (type.name !== null) return type.name.local;
  if (type.kind === 'complex') return '{…}';
  return type.variety === 'atomic' ? type.base : type.variety;
}

/** For a comment: on one line, whatever a WSDL's names hold. */
const line = (text: string): string => text.replace(/\s+/g, ' ');

/** A YAML scalar: plain where that is read back as the same text. */
function quoted(text: string): string {
  return /^[A-Za-z/][A-Za-z0-9 ._/-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
