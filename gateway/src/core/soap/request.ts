/**
 * The REST request of a bridged call: what of the operation's input goes into the path, the query, the body and the header. Planned
 * once, against the schema; made for each message. What cannot stand where it belongs refuses the message, and nothing is sent.
 */
import { isList, isObject, numberText, print, type Json } from '../json.ts';
import type { Step } from '../path.ts';
import type { BridgeConfig, BridgeProblem } from './config.ts';
import { fieldAt, fieldsOf, untaken, type Found } from './find.ts';
import { toRest, Unfit, type Mapper, type Mappers } from './mapper.ts';
import { picked } from './pick.ts';
import { clark } from './scope.ts';
import { expandTarget, isBodiless, namesIn, parameter, type Target } from './target.ts';
import type { Shape } from './type.ts';

type Report = (at: BridgeProblem['at'], what: string) => void;

/** A place in the input, and what becomes of its value. */
interface Source {
  readonly steps: readonly Step[];
  readonly mapper: Mapper | null;
}

type Body =
  /** There is none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'place'; readonly source: Source }
  /** An object of all fields of the input but these. */
  | { readonly kind: 'rest'; readonly mapper: Mapper | null; readonly without: ReadonlySet<string> };

export interface RequestPlan {
  readonly target: Target;
  /** By the name in braces. */
  readonly path: ReadonlyMap<string, Source>;
  readonly query: readonly (readonly [name: string, source: Source])[];
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, source: Source | { readonly block: string }])[];
  /** Names of SOAP header blocks that it understands, as {@link clark} has them. */
  readonly blocks: ReadonlySet<string>;
  readonly body: Body;
}

/** What is sent, or why nothing is. */
export type Asked =
  | {
      readonly kind: 'request';
      readonly method: string;
      /** Path and query. */
      readonly path: string;
      readonly headers: readonly (readonly [name: string, value: string])[];
      /** JSON; null: there is none. */
      readonly body: string | null;
    }
  | { readonly kind: 'refused'; readonly because: string };

// RFC 9110, section 4.1: what every server should take; beyond it, many do not.
const MAX_TARGET_CHARACTERS = 8000;
const MAX_HEADER_CHARACTERS = 4096; // As of `new: { headers }`.

/** Proves the way there. */
export function planRequest(config: BridgeConfig, input: Shape | null, mappers: Mappers, report: Report): RequestPlan {
  const planner = new Planner(config, input, mappers, report);
  return planner.plan();
}

class Planner {
  readonly #config: BridgeConfig;
  readonly #input: Shape | null;
  readonly #mappers: Mappers;
  readonly #report: Report;
  readonly #taken: (readonly Step[])[] = [];

  constructor(config: BridgeConfig, input: Shape | null, mappers: Mappers, report: Report) {
    this.#config = config;
    this.#input = input;
    this.#mappers = mappers;
    this.#report = report;
  }

  plan(): RequestPlan {
    const { target, headers: declared, query: explicit, body: bodyPick, drop } = this.#config;
    const path = new Map<string, Source>();
    for (const name of new Set(namesIn(target))) {
      const source = this.#value(name.split('.'), ['rest'], `{${name}}`);
      if (source !== null) path.set(name, source);
    }
    const headers = [...declared].flatMap(([name, from]): RequestPlan['headers'][number][] => {
      if (from.kind === 'block') return [[name, { block: clark(from.name.namespace, from.name.local) }]];
      const source = this.#value(from.steps, ['rest', 'headers', name], from.text);
      return source === null ? [] : [[name, source]];
    });
    for (const name of drop) {
      if (this.#find(name.split('.'), ['rest', 'drop'], name) !== null) this.#taken.push(name.split('.'));
    }
    const query = [...(explicit ?? [])].flatMap(([name, { steps, text }]): RequestPlan['query'][number][] => {
      const source = this.#value(steps, ['rest', 'query', name], text, true);
      return source === null ? [] : [[name, source]];
    });
    const body = bodyPick === null ? null : this.#place(bodyPick.steps, bodyPick.text);
    const rest = this.#remainder();
    if (isBodiless(target.method) && bodyPick !== null)
      this.#report(['rest', 'body'], `${target.method} has no body: choose POST, PUT or PATCH, or map it in "query"`);
    const blocks = new Set(headers.flatMap(([, from]) => ('block' in from ? [from.block] : [])));
    const plan = { target, path, headers, blocks };
    if (!isBodiless(target.method))
      return { ...plan, query, body: body ?? (bodyPick === null ? this.#bodyOf(rest) : { kind: 'none' }) };
    if (explicit === null) return { ...plan, query: this.#queryOf(rest), body: { kind: 'none' } };
    this.#proveAll();
    return { ...plan, query, body: { kind: 'none' } };
  }

  #find(steps: readonly Step[], at: BridgeProblem['at'], text: string): Found | null {
    const found = this.#input === null ? null : fieldAt(this.#input, steps);
    if (found !== null) return found;
    const known = fieldsOf(this.#input).map(({ key }) => key);
    const has = known.length === 0 ? 'has no values' : `has ${known.slice(0, 12).join(', ')}`;
    this.#report(at, `"${text}" is not in the input, which ${has}`);
    return null;
  }

  /** A place for one value, or for a list of them. */
  #value(steps: readonly Step[], at: BridgeProblem['at'], text: string, listToo = false): Source | null {
    const found = this.#find(steps, at, text);
    if (found === null) return null;
    const { field, list } = found;
    this.#taken.push(steps);
    if (field.type.kind === 'complex') this.#report(at, `"${text}" holds elements, and is no value: name one of those`);
    else if (list && !listToo) this.#report(at, `"${text}" is a list, and only one value can stand here`);
    return { steps, mapper: this.#mappers.of(found.field, found.within) };
  }

  #place(steps: readonly Step[], text: string): Body | null {
    const found = this.#find(steps, ['rest', 'body'], text);
    if (found === null) return null;
    this.#taken.push(steps);
    this.#proveAll();
    return { kind: 'place', source: { steps, mapper: this.#mappers.of(found.field, found.within) } };
  }

  /** Where every place is written out, none may be forgotten. */
  #proveAll(): void {
    if (this.#input === null) return;
    for (const name of untaken(this.#input, this.#taken))
      this.#report(['rest'], `"${name}" of the input goes nowhere: map it, or name it under "drop"`);
  }

  /** The fields of the input that nothing has taken as a whole. */
  #remainder(): ReadonlySet<string> {
    const whole = new Set(this.#taken.flatMap((steps) => (steps.length === 1 ? [String(steps[0])] : [])));
    const left = fieldsOf(this.#input).filter(({ key }) => !whole.has(key));
    for (const name of this.#config.drop) {
      const [first = '', ...below] = name.split('.');
      if (below.length > 0 && left.some(({ key }) => key === first))
        this.#report(
          ['rest', 'drop'],
          `"${name}" is a part of "${first}", which goes on as a whole: drop that, or map its parts`,
        );
    }
    return new Set(left.map(({ key }) => key));
  }

  #queryOf(rest: ReadonlySet<string>): RequestPlan['query'] {
    const type = this.#input?.type;
    if (type === undefined || type.kind !== 'complex') return [];
    const query: RequestPlan['query'][number][] = [];
    for (const field of type.fields.filter(({ key, fixed }) => rest.has(key) && fixed === null)) {
      const name = this.#mappers.pathOf(field, type);
      if (field.type.kind === 'complex')
        this.#report(
          ['rest'],
          `"${field.key}" holds elements, and a query has values only: map them in "query", or send a body by POST`,
        );
      else if (name.length > 1)
        this.#report(['rest'], `"${field.key}" is renamed to ${name.join('.')}, which no query has`);
      else query.push([name[0] ?? field.key, { steps: [field.key], mapper: this.#mappers.of(field, type) }]);
    }
    return query;
  }

  #bodyOf(rest: ReadonlySet<string>): Body {
    const shape = this.#input;
    if (shape === null || rest.size === 0) return { kind: 'none' };
    const all = fieldsOf(shape).map(({ key }) => key);
    return {
      kind: 'rest',
      mapper: this.#mappers.of(shape, null),
      without: new Set(all.filter((key) => !rest.has(key))),
    };
  }
}

/**
 * Makes the request of one message.
 * @param input of the operation, decoded; an empty object where its body is empty
 * @param blocks the texts of the SOAP header's blocks by {@link clark} name
 */
export function requestOf(plan: RequestPlan, input: Json, blocks: ReadonlyMap<string, string>): Asked {
  try {
    return made(plan, input, blocks);
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    return refused(`${error.field} is not what the service takes`);
  }
}

const refused = (because: string): Asked => ({ kind: 'refused', because });

function made(plan: RequestPlan, input: Json, blocks: ReadonlyMap<string, string>): Asked {
  const { target } = plan;
  const expanded = expandTarget(target, (name) => {
    const source = plan.path.get(name);
    return source === undefined ? null : textOf(valueOf(source, input));
  });
  if (expanded.kind === 'refused')
    return refused(`${expanded.name || 'A value'} cannot stand in a path: ${expanded.because}`);
  const parameters = target.query === '' ? [] : [target.query];
  for (const [name, source] of plan.query) {
    const value = valueOf(source, input);
    for (const one of value !== undefined && isList(value) ? value : [value]) {
      const text = textOf(one);
      if (text !== null && !text.isWellFormed()) return refused(`${name} holds half of a character`);
      if (text !== null) parameters.push(parameter(name, text));
    }
  }
  const path = parameters.length === 0 ? expanded.path : `${expanded.path}?${parameters.join('&')}`;
  if (path.length > MAX_TARGET_CHARACTERS)
    return refused(`Its values make a request line of more than ${MAX_TARGET_CHARACTERS} characters`);
  const headers: [string, string][] = [];
  for (const [name, from] of plan.headers) {
    const text = 'block' in from ? (blocks.get(from.block)?.trim() ?? null) : textOf(valueOf(from, input));
    if (text === null) continue;
    if (text.length > MAX_HEADER_CHARACTERS || !LINE.test(text))
      return refused(`The value for the header field ${name} is not one line of ASCII characters`);
    headers.push([name, text]);
  }
  return { kind: 'request', method: target.method, path, headers, body: bodyOf(plan.body, input) };
}

// RFC 9110, section 5.5, without obs-text, whose charset nobody knows: no line break gets into a head.
const LINE = /^[\x20-\x7e]*$/;

function valueOf({ steps, mapper }: Source, input: Json): Json | undefined {
  const value = picked(input, steps);
  return value === undefined ? undefined : toRest(mapper, value);
}

/** A value as it stands in a path or a query; null of one that is absent or nil. */
function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return numberText(value) ?? print(value);
}

function bodyOf(body: Body, input: Json): string | null {
  switch (body.kind) {
    case 'none':
      return null;
    case 'place': {
      const value = valueOf(body.source, input);
      return print(value ?? null);
    }
    case 'rest': {
      if (!isObject(input) || body.without.size === 0) return print(toRest(body.mapper, input));
      const left = new Map([...input].filter(([key]) => !body.without.has(key)));
      return print(toRest(body.mapper, left));
    }
    default:
      return body satisfies never;
  }
}
