/**
 * What a bridged call answers: the envelope that the WSDL promises, made of the service's JSON; the fault that it declares, made of
 * an error and of what was asked; or, where the service said something else, a fault that says no more than that. Planned once,
 * against the schema. An envelope is whole or there is none.
 */
import { isObject, type Json } from '../json.ts';
import { parseJson } from '../parse.ts';
import type { BridgeConfig, BridgeProblem, Encoding, FaultConfig } from './config.ts';
import { envelopeText, faultText } from './fault.ts';
import { fieldAt, fieldsOf } from './find.ts';
import { fromRest, Unfit, type Mapper, type Mappers } from './mapper.ts';
import { parseMedia } from './media.ts';
import { picked, type Pick } from './pick.ts';
import type { Version } from './refusal.ts';
import { clark } from './scope.ts';
import type { Operation } from './service.ts';
import type { Complex, Field, Shape } from './type.ts';

type Report = (at: BridgeProblem['at'], what: string) => void;

/** One element of an output or of a fault's detail, and where its value comes from; null: found by its name. */
interface Filled {
  readonly field: Field;
  readonly from: Pick | null;
  readonly mapper: Mapper | null;
}

type Response =
  | { readonly kind: 'whole'; readonly mapper: Mapper | null }
  | { readonly kind: 'field'; readonly key: string; readonly mapper: Mapper | null }
  | { readonly kind: 'map'; readonly by: ReadonlyMap<number, readonly Filled[]> };

interface FaultPlan<C> {
  readonly code: 'Client' | 'Server';
  readonly detail: { readonly codec: C; readonly fields: readonly Filled[] } | null;
}

export interface AnswerPlan<C extends Encoding> {
  readonly oneWay: boolean;
  /** Null: the answer's Body is empty, or there is no answer. */
  readonly output: C | null;
  readonly response: Response;
  readonly faults: ReadonlyMap<number, FaultPlan<C>>;
  /** The codecs of the details of declared faults, by {@link clark} name of their elements. */
  readonly details: ReadonlyMap<string, C>;
}

/** What the planner knows of the operation. `faults` by their names and their elements' names. */
export interface Known<C extends Encoding> {
  readonly operation: Operation;
  readonly input: Shape | null;
  readonly output: C | null;
  readonly faults: ReadonlyMap<string, C>;
  readonly mappers: Mappers;
}

/** Proves the way back. */
export function planAnswer<C extends Encoding>(config: BridgeConfig, known: Known<C>, report: Report): AnswerPlan<C> {
  const { operation, output } = known;
  const faults = new Map<number, FaultPlan<C>>();
  for (const [status, fault] of config.faults) {
    const plan = faultOf(status, fault, known, report);
    if (plan !== null) faults.set(status, plan);
  }
  const response = responseOf(config, known, report);
  const details = new Map<string, C>();
  for (const { element, name } of operation.faults) {
    const codec = known.faults.get(name);
    if (codec !== undefined) details.set(clark(element.namespace, element.local), codec);
  }
  return { oneWay: operation.oneWay, output, response, faults, details };
}

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'there are none' : `expected one of ${names.slice(0, 12).join(', ')}`;

function responseOf<C extends Encoding>(config: BridgeConfig, known: Known<C>, report: Report): Response {
  const { response } = config;
  const { operation, output, mappers } = known;
  const none: Response = { kind: 'whole', mapper: null };
  if (output === null) {
    if (response.kind !== 'whole')
      report(['response'], `${operation.name} ${operation.oneWay ? 'is one-way: it' : ''} has no output`);
    return none;
  }
  const { shape } = output;
  if (response.kind === 'whole') return { kind: 'whole', mapper: mappers.of(shape, null) };
  const { type } = shape;
  if (type.kind !== 'complex') {
    report(['response'], `${shape.key} is a value and has no elements: leave "response" out`);
    return none;
  }
  if (response.kind === 'field') {
    const filled = fill([[response.name, null]], { type, known, report, at: ['response'] });
    const [first] = filled;
    return first === undefined ? none : { kind: 'field', key: first.field.key, mapper: first.mapper };
  }
  if (response.by.size === 0) report(['response'], 'expected a status, such as "200: { order: $.order }"');
  const by = new Map<number, readonly Filled[]>();
  for (const [status, picks] of response.by)
    by.set(status, fill([...picks], { type, known, report, at: ['response', String(status)] }));
  return { kind: 'map', by };
}

interface Filling<C extends Encoding> {
  readonly type: Complex;
  readonly known: Known<C>;
  readonly report: Report;
  readonly at: readonly string[];
}

/** The elements that are named, each with its source; that all are there which must be is proven. */
function fill<C extends Encoding>(
  entries: readonly (readonly [name: string, from: Pick | null])[],
  { type, known, report, at }: Filling<C>,
): readonly Filled[] {
  const filled = entries.flatMap(([name, from]): Filled[] => {
    const place = from === null ? at : [...at, name];
    const field = type.fields.find(({ key }) => key === name);
    if (field === undefined)
      report(place, `"${name}" is not in the output: ${listed(type.fields.map(({ key }) => key))}`);
    if (from !== null) checkInput(from, known, (what) => report(place, what));
    return field === undefined ? [] : [{ field, from, mapper: known.mappers.of(field, type) }];
  });
  for (const { key, min, fixed } of type.fields) {
    if (min === 0 || fixed !== null || filled.some(({ field }) => field.key === key)) continue;
    report(at, `"${key}" must be in the output and has no source: write "response: { 200: { ${key}: $.… } }"`);
  }
  return filled;
}

function checkInput<C extends Encoding>(from: Pick, { input }: Known<C>, report: (what: string) => void): void {
  if (from.from !== 'input' || (input !== null && fieldAt(input, from.steps) !== null)) return;
  report(`"${from.text}" is not in the input: ${listed(fieldsOf(input).map(({ key }) => key))}`);
}

function faultOf<C extends Encoding>(
  status: number,
  { code, detail, map }: FaultConfig,
  known: Known<C>,
  report: Report,
): FaultPlan<C> | null {
  const at = ['faults', String(status)];
  const plan = { code: code ?? (status < 500 ? 'Client' : 'Server') } as const;
  if (detail === null) {
    if (map.size > 0) report(at, '"map" fills the detail of a fault: name it in "detail"');
    return { ...plan, detail: null };
  }
  const codec = known.faults.get(detail);
  if (codec === undefined) {
    const names = known.operation.faults.map(({ name }) => name);
    report(at, `${known.operation.name} has no fault "${detail}": ${listed(names)}`);
    return null;
  }
  const { type } = codec.shape;
  if (type.kind !== 'complex') {
    report(at, `the detail of ${detail} is a value, and not an element with elements in it: that is not supported`);
    return null;
  }
  for (const [name, from] of map) {
    const place = [...at, 'map', name];
    if (!type.fields.some(({ key }) => key === name))
      report(place, `"${name}" is not in ${detail}: ${listed(type.fields.map(({ key }) => key))}`);
    checkInput(from, known, (what) => report(place, what));
  }
  const fields = type.fields.map((field) => ({
    field,
    from: map.get(field.key) ?? null,
    mapper: known.mappers.of(field, type),
  }));
  return { ...plan, detail: { codec, fields } };
}

/** The service's answer, whole. */
export interface RestAnswer {
  readonly status: number;
  /** The Content-Type as it came; null: there is none. */
  readonly contentType: string | null;
  /** Null: it is not UTF-8, or is compressed though that was not asked for. */
  readonly text: string | null;
}

/**
 * Why an answer could not be told. `STATUS`: a status that nothing is declared for. `MEDIA_TYPE`: no JSON. `JSON`: broken, a key that
 * stands twice, too deep. `ANSWER`: not what the schema promises. `FAULT`: an error of which the declared fault cannot be made.
 */
export type BridgeCode =
  'GW_BRIDGE_STATUS' | 'GW_BRIDGE_MEDIA_TYPE' | 'GW_BRIDGE_JSON' | 'GW_BRIDGE_ANSWER' | 'GW_BRIDGE_FAULT';

/** What the caller is told. `code` and `because` are for the log: null where all is as declared. */
export type Told =
  | { readonly kind: 'envelope'; readonly text: string }
  /** Of a one-way operation: there is nothing to say. */
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'fault';
      readonly text: string;
      readonly code: BridgeCode | null;
      readonly because: string | null;
    };

/** @param input what was asked, decoded */
export function answerOf<C extends Encoding>(
  plan: AnswerPlan<C>,
  answer: RestAnswer,
  input: Json,
  version: Version,
): Told {
  if (answer.status >= 200 && answer.status < 300) {
    if (plan.oneWay) return { kind: 'accepted' };
    const made = outputOf(plan, answer, input);
    if (made.kind === 'bad') return unsaid(version, made);
    if (plan.output === null || made.value === undefined) return { kind: 'envelope', text: envelopeText(version, '') };
    const encoded = plan.output.encode(made.value);
    return encoded.kind === 'xml'
      ? { kind: 'envelope', text: envelopeText(version, encoded.text) }
      : unsaid(version, bad('GW_BRIDGE_ANSWER', `${encoded.path}: ${encoded.because}`));
  }
  const fault = plan.faults.get(answer.status);
  return fault === undefined
    ? unsaid(version, bad('GW_BRIDGE_STATUS', `status ${answer.status} is not declared`))
    : declared(fault, answer, input, version);
}

/** A caller learns that it did not work, and nothing of the service behind: neither its words nor its numbers. */
const unsaid = (version: Version, { code, because }: Bad): Told => ({
  kind: 'fault',
  text: faultText(version, { code: 'Server', reason: 'The operation could not be carried out.', gw: code }),
  code,
  because,
});

interface Bad {
  readonly kind: 'bad';
  readonly code: BridgeCode;
  readonly because: string;
}

const bad = (code: BridgeCode, because: string): Bad => ({ kind: 'bad', code, because });

/** The output's JSON as the schema names it, of an answer that went well; undefined where nothing is to be said. For comparisons, too. */
export function outputOf<C extends Encoding>(
  { output, response }: AnswerPlan<C>,
  answer: RestAnswer,
  input: Json,
): { readonly kind: 'value'; readonly value: Json | undefined } | Bad {
  if (output === null) return { kind: 'value', value: undefined };
  if (response.kind === 'map' && !response.by.has(answer.status))
    return bad('GW_BRIDGE_STATUS', `status ${answer.status} is not declared`);
  // What has no elements needs no JSON.
  const needless = output.shape.type.kind === 'complex' && output.shape.type.fields.length === 0;
  const read = needless || isEmpty(answer) ? ({ kind: 'json', json: undefined } as const) : jsonOf(answer);
  if (read.kind === 'bad') return read;
  try {
    return { kind: 'value', value: valueOf(response, read.json, answer.status, input) };
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    return bad('GW_BRIDGE_ANSWER', error.message);
  }
}

const isEmpty = ({ status, text }: RestAnswer): boolean => status === 204 || status === 205 || text === '';

function valueOf(response: Response, json: Json | undefined, status: number, input: Json): Json {
  switch (response.kind) {
    case 'whole':
      return json === undefined ? new Map() : fromRest(response.mapper, json);
    case 'field':
      return new Map(json === undefined ? [] : [[response.key, fromRest(response.mapper, json)]]);
    case 'map': {
      const value = new Map<string, Json>();
      for (const { field, from, mapper } of response.by.get(status) ?? []) {
        const found = from?.from === 'input' ? picked(input, from.steps) : picked(json, from?.steps ?? []);
        if (found === undefined) continue;
        value.set(field.key, from?.from === 'input' ? found : fromRest(mapper, found));
      }
      return value;
    }
    default:
      return response satisfies never;
  }
}

const isJson = (type: string): boolean =>
  type === 'application/json' || /^application\/(?:json|[^/]+\+json)$/.test(type);

function jsonOf({ contentType, text }: RestAnswer): { readonly kind: 'json'; readonly json: Json } | Bad {
  const media = parseMedia(contentType ?? '');
  const charset = media?.parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (media === null || !isJson(media.type) || (charset !== 'utf-8' && charset !== 'utf8'))
    return bad('GW_BRIDGE_MEDIA_TYPE', `expected JSON in UTF-8, and its Content-Type is ${contentType ?? 'absent'}`);
  if (text === null)
    return bad('GW_BRIDGE_JSON', 'its bytes are not UTF-8, or compressed though that was not asked for');
  const parsed = parseJson(text);
  if (parsed.kind === 'parsed') return { kind: 'json', json: parsed.value };
  return bad('GW_BRIDGE_JSON', parsed.kind === 'invalid' ? parsed.because : `too much of it (${parsed.because})`);
}

// RFC 9457, section 3.1: what these say is about the error itself.
const PROBLEM: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'instance']);
// What a fault's field for the sentence is called.
const SENTENCES: ReadonlySet<string> = new Set(['message', 'reason', 'description', 'detail', 'text']);
const MAX_SENTENCE_CHARACTERS = 1000;

function declared<C>(plan: FaultPlan<C & Encoding>, answer: RestAnswer, input: Json, version: Version): Told {
  // What a failing service says of its insides is nobody's business: of 5xx only what the file picks out is told.
  const read = jsonOf(answer);
  const body = read.kind === 'json' ? read.json : undefined;
  const open = answer.status < 500 ? body : undefined;
  const sentence =
    sentenceOf(open) ??
    (plan.code === 'Client' ? 'The request was refused.' : 'The operation could not be carried out.');
  const { code } = plan;
  if (plan.detail === null)
    return { kind: 'fault', text: faultText(version, { code, reason: sentence, gw: null }), code: null, because: null };
  const isProblem = /^\s*application\/problem\+json\s*(?:;|$)/i.test(answer.contentType ?? '');
  const value = new Map<string, Json>();
  let unfit: string | null = null;
  try {
    for (const filled of plan.detail.fields) {
      const found = faultValue(filled, { body, open, input, sentence, isProblem });
      if (found !== undefined) value.set(filled.field.key, found);
    }
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    unfit = error.message;
  }
  const encoded =
    unfit === null ? plan.detail.codec.encode(value) : { kind: 'invalid' as const, path: '', because: unfit };
  if (encoded.kind === 'xml') {
    const text = faultText(version, { code, reason: sentence, gw: null, detail: encoded.text });
    return { kind: 'fault', text, code: null, because: null };
  }
  // Without its detail it is still that kind of fault.
  const text = faultText(version, { code, reason: sentence, gw: 'GW_BRIDGE_FAULT' });
  return { kind: 'fault', text, code: 'GW_BRIDGE_FAULT', because: `${encoded.path}: ${encoded.because}` };
}

interface Sources {
  readonly body: Json | undefined;
  /** The body as far as it may be told unasked. */
  readonly open: Json | undefined;
  readonly input: Json;
  readonly sentence: string;
  readonly isProblem: boolean;
}

/** @throws Unfit */
function faultValue(
  { field, from, mapper }: Filled,
  { body, open, input, sentence, isProblem }: Sources,
): Json | undefined {
  if (from !== null) {
    if (from.from === 'input') return picked(input, from.steps);
    const found = picked(body, from.steps);
    return found === undefined ? undefined : fromRest(mapper, found);
  }
  const { key } = field;
  const told = isProblem && PROBLEM.has(key) ? undefined : picked(open, [key]);
  if (told !== undefined) return fromRest(mapper, told);
  return picked(input, [key]) ?? (SENTENCES.has(key) ? sentence : undefined);
}

/** What an error says for people: RFC 9457's words first, then what services are used to. */
function sentenceOf(body: Json | undefined): string | null {
  if (body === undefined || !isObject(body)) return typeof body === 'string' ? cut(body) : null;
  const { error } = { error: body.get('error') };
  const inner = error !== undefined && isObject(error) ? error.get('message') : error;
  for (const one of [body.get('detail'), body.get('message'), inner, body.get('title')])
    if (typeof one === 'string' && one.trim() !== '') return cut(one);
  return null;
}

const cut = (text: string): string =>
  text.length > MAX_SENTENCE_CHARACTERS ? `${text.slice(0, MAX_SENTENCE_CHARACTERS)}…` : text;
