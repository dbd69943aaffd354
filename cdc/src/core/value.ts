/**
 * A column's value as Debezium writes it: for each type a function from Postgres' text to JSON text, chosen once when a
 * relation is compiled, called for each value.
 */
import { parseArray, type Element } from './array.ts';
import { base64, bitBytes, hexBytes, pointBytes } from './binary.ts';
import { decimalJson, floatJson, moneyJson, type DecimalMode } from './decimal.ts';
import {
  dateJson,
  intervalIsoJson,
  intervalJson,
  timeJson,
  timestampJson,
  zonedTimeJson,
  zonedTimestampJson,
} from './temporal.ts';

/** Debezium's settings of the same names. */
export interface Modes {
  readonly decimal: DecimalMode;
  readonly binary: 'bytes' | 'base64' | 'base64-url-safe' | 'hex';
  readonly interval: 'numeric' | 'string';
  /** What stands for a value that was not sent. */
  readonly unavailable: string;
}

/** A row of `pg_type`, as far as values depend on it. */
export interface TypeInfo {
  readonly oid: number;
  readonly name: string;
  readonly kind: 'base' | 'enum' | 'domain' | 'composite' | 'range' | 'pseudo' | 'multirange';
  /** Of an array, its element type; else 0. */
  readonly element: number;
  readonly delimiter: string;
  /** Of a domain, what it is a domain of; else 0. */
  readonly base: number;
  readonly baseModifier: number;
}

/** The catalogue's types by oid. */
export type Types = ReadonlyMap<number, TypeInfo>;

export interface Format {
  /** JSON text of a value that is not null. */
  readonly write: (text: string) => string;
  /** JSON text for a TOASTed value that was not sent. */
  readonly unavailable: string;
  /** JSON text that Debezium puts where a NOT NULL column's value is not known. */
  readonly fallback: string;
}

/** The format of a column of type `oid`. What is not known is written as the text it has in Postgres. */
export function formatOf(oid: number, modifier: number, types: Types, modes: Modes): Format {
  const type = types.get(oid);
  if (type?.kind === 'domain') return formatOf(type.base, modifier >= 0 ? modifier : type.baseModifier, types, modes);
  if (type !== undefined && type.element !== 0) return arrayFormat(type, modifier, types, modes);
  const scalar = scalars.get(oid);
  if (scalar !== undefined) return scalar(modifier, modes);
  if (type?.name === 'hstore') return { ...textual(modes), write: hstoreJson, fallback: '"{}"' };
  return textual(modes);
}

/** A JSON string. */
export function textJson(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

// oxlint-disable-next-line no-control-regex -- JSON's own list of what must be escaped
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

function textual(modes: Modes): Format {
  return { write: textJson, unavailable: textJson(modes.unavailable), fallback: '""' };
}

type Scalar = (modifier: number, modes: Modes) => Format;

const same = (text: string): string => text;
/** For types whose text never needs escaping. */
const quoted = (text: string): string => `"${text}"`;

function scalar(write: (text: string) => string, fallback: string): Scalar {
  return (_modifier, modes) => ({ write, unavailable: textJson(modes.unavailable), fallback });
}

function byModifier(write: (modifier: number) => (text: string) => string, fallback: string): Scalar {
  return (modifier, modes) => ({ write: write(modifier), unavailable: textJson(modes.unavailable), fallback });
}

/** By the fixed oids of the types that are built in. */
const scalars: ReadonlyMap<number, Scalar> = new Map<number, Scalar>([
  [16, scalar((text) => (text === 't' ? 'true' : 'false'), 'false')], // bool
  [17, bytea],
  [20, scalar(same, '0')], // int8: bare beyond 2^53
  [21, scalar(same, '0')], // int2
  [23, scalar(same, '0')], // int4
  [26, scalar(same, '0')], // oid
  [114, (_modifier, modes) => ({ ...textual(modes), fallback: '"{}"' })], // json
  [600, scalar(pointJson, pointJson('(0,0)'))],
  [700, scalar(floatJson, '0.0')], // float4
  [701, scalar(floatJson, '0.0')], // float8
  [790, money],
  [1082, scalar(dateJson, '0')],
  [1083, byModifier(timeJson, '0')],
  [1114, byModifier(timestampJson, '0')],
  [1184, byModifier(zonedTimestampJson, '"1970-01-01T00:00:00.000000Z"')],
  [1186, interval],
  [1266, scalar(zonedTimeJson, '"00:00:00Z"')],
  [1560, (modifier, modes) => (modifier === 1 ? bit(modes) : bits(modes))],
  [1562, (_modifier, modes) => bits(modes)], // varbit
  [1700, numeric],
  [2950, scalar(quoted, '""')], // uuid
  [3802, (_modifier, modes) => ({ ...textual(modes), fallback: '"{}"' })], // jsonb
]);

function bytea(_modifier: number, modes: Modes): Format {
  const write = byteaWriter(modes.binary);
  const placeholder = `\\x${[...utf8(modes.unavailable)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  return { write, unavailable: write(placeholder), fallback: '""' };
}

function byteaWriter(mode: Modes['binary']): (text: string) => string {
  switch (mode) {
    case 'bytes': // JSON has no bytes: Kafka Connect's converter writes base64, too.
    case 'base64':
      return (text) => `"${base64(hexBytes(text))}"`;
    case 'base64-url-safe':
      return (text) => `"${base64(hexBytes(text)).replaceAll('+', '-').replaceAll('/', '_')}"`;
    case 'hex':
      return (text) => `"${text.slice(2)}"`;
  }
}

function bit(modes: Modes): Format {
  return { ...textual(modes), write: (text) => (text === '1' ? 'true' : 'false'), fallback: 'false' };
}

function bits(modes: Modes): Format {
  return { ...textual(modes), write: (text) => `"${base64(bitBytes(text))}"` };
}

function numeric(modifier: number, modes: Modes): Format {
  // atttypmod of numeric(p,s): 4 + (p << 16 | s), the scale in eleven bits with a sign.
  const scale = modifier < 4 ? null : (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  const write = decimalJson(modes.decimal, scale);
  return { write, unavailable: textJson(modes.unavailable), fallback: write('0') };
}

function money(_modifier: number, modes: Modes): Format {
  const write = moneyJson(modes.decimal);
  return { write, unavailable: textJson(modes.unavailable), fallback: write('$0.00') };
}

function interval(_modifier: number, modes: Modes): Format {
  const write = modes.interval === 'numeric' ? intervalJson : intervalIsoJson;
  return { write, unavailable: textJson(modes.unavailable), fallback: write('00:00:00') };
}

function pointJson(text: string): string {
  const [x = '0', y = '0'] = text.slice(1, -1).split(',');
  return `{"x":${floatJson(x)},"y":${floatJson(y)},"wkb":"${base64(pointBytes(toNumber(x), toNumber(y)))}","srid":null}`;
}

function toNumber(text: string): number {
  return Number(text); // 'Infinity' and 'NaN' are written alike in both.
}

function arrayFormat(type: TypeInfo, modifier: number, types: Types, modes: Modes): Format {
  const element = formatOf(type.element, modifier, types, modes);
  const write = (text: string): string => arrayJson(parseArray(text, type.delimiter), element.write);
  return { write, unavailable: unavailableArray(type.element, modes.unavailable), fallback: '[]' };
}

function arrayJson(elements: readonly Element[], write: (text: string) => string): string {
  return `[${elements.map((element) => elementJson(element, write)).join(',')}]`;
}

function elementJson(element: Element, write: (text: string) => string): string {
  if (element === null) return 'null';
  return typeof element === 'string' ? write(element) : arrayJson(element, write);
}

const INTEGER_OIDS = new Set([20, 23]);

/** Debezium has to fit its placeholder into the array's own type: integers are its bytes. */
function unavailableArray(element: number, placeholder: string): string {
  return INTEGER_OIDS.has(element) ? `[${[...utf8(placeholder)].join(',')}]` : `[${textJson(placeholder)}]`;
}

/** `"a"=>"1", "b"=>NULL` as a JSON object, in a string: Debezium's `hstore.handling.mode: json`. */
function hstoreJson(text: string): string {
  const pairs = [...text.matchAll(/"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)/gs)].map(([, key = '', value]) => {
    const written = value === undefined ? 'null' : textJson(unescape(value));
    return `${textJson(unescape(key))}:${written}`;
  });
  return textJson(`{${pairs.join(',')}}`);
}

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

/** UTF-8 of a short text: the core has no encoder. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}
