/**
 * A service of the tests' own whose values are hard to carry: 19 digits, longs beyond 2^53, times with and without a zone, nil and absent,
 * lists of none and of one, attributes. As a SOAP server and as a REST service, both on the same values, which they never make numbers of.
 */
import { SaxesParser } from 'saxes';

export interface Line {
  readonly unit: string;
  readonly position: string;
  readonly quantity: string;
}

/** Every scalar as it is written; null is nil, absent is absent. */
export interface Manifest {
  readonly revision: string;
  readonly origin?: string;
  readonly manifestId: string;
  readonly weight: string;
  readonly serial: string;
  readonly loadedAt: string;
  readonly plannedAt: string;
  readonly day: string;
  readonly sealed: string;
  readonly remark: string | null;
  readonly limit: string | null;
  readonly note?: string;
  readonly seal: readonly string[];
  readonly line: readonly Line[];
}

export const NAMESPACE = 'http://manifests.example/v1';
/** Names that are attributes. */
export const ATTRIBUTES: readonly string[] = ['revision', 'origin', 'unit'];
/** Fields that JSON writes without quotes. */
const BARE: ReadonlySet<string> = new Set(['revision', 'weight', 'serial', 'sealed', 'limit', 'position', 'quantity']);

export const MANIFESTS: readonly Manifest[] = [
  {
    revision: '9007199254740993',
    origin: 'Ærø & "quay" <7>',
    manifestId: 'M-1',
    weight: '1234567890.123456789',
    serial: '9223372036854775807',
    loadedAt: '2026-03-02T08:30:00.125+02:00',
    plannedAt: '2026-03-02T08:30:00',
    day: '2026-03-02',
    sealed: 'true',
    remark: null,
    limit: null,
    note: 'Señora <b> & "c" ]]>',
    seal: ['one', 'two'],
    line: [
      { unit: 'kg', position: '1', quantity: '0.1234567890123456789' },
      { unit: 't', position: '2', quantity: '-9007199254740993' },
    ],
  },
  {
    revision: '-9223372036854775808',
    manifestId: 'M-2',
    weight: '0',
    serial: '-9007199254740993',
    loadedAt: '2026-03-02T08:30:00Z',
    plannedAt: '2026-12-31T23:59:59.999',
    day: '2026-12-31Z',
    sealed: 'false',
    remark: 'nothing in it',
    limit: '9999999999999999999',
    seal: [],
    line: [],
  },
  {
    revision: '1',
    manifestId: 'M-3',
    weight: '0.0000000000000000001',
    serial: '0',
    loadedAt: '2026-06-01T00:00:00-11:30',
    plannedAt: '2026-06-01T00:00:00',
    day: '2026-06-01+02:00',
    sealed: 'true',
    remark: 'one of each',
    limit: null,
    note: 'n',
    seal: ['only'],
    line: [{ unit: 'kg', position: '1', quantity: '1.5' }],
  },
];

/** Text and attribute values as XML has them. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** As the element `name`, in the schema's order; the prefix `m` and `xsi` are bound outside. */
export function toXml(name: string, { revision, origin, ...rest }: Manifest): string {
  const attributes = origin === undefined ? '' : ` origin="${escaped(origin)}"`;
  const children = Object.entries(rest).map(([field, value]) => childrenOf(field, value));
  return `<m:${name} revision="${revision}"${attributes}>${children.join('')}</m:${name}>`;
}

function childrenOf(name: string, value: string | null | readonly (string | Line)[]): string {
  if (value === null) return `<m:${name} xsi:nil="true"/>`;
  if (typeof value === 'string') return `<m:${name}>${escaped(value)}</m:${name}>`;
  return value
    .map((item) =>
      typeof item === 'string'
        ? childrenOf(name, item)
        : `<m:${name} unit="${escaped(item.unit)}">${childrenOf('position', item.position)}${childrenOf('quantity', item.quantity)}</m:${name}>`,
    )
    .join('');
}

/** As JSON text, digits as they are. */
export function toJson(value: unknown, name = ''): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return BARE.has(name) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => toJson(item, name)).join(',')}]`;
  const fields = Object.entries(value as object).map(
    ([field, item]) => `${JSON.stringify(field)}:${toJson(item, field)}`,
  );
  return `{${fields.join(',')}}`;
}

interface Node {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Node[];
  text: string;
}

/** The elements of a document by local name, below everything else. */
export function read(xml: string): Node {
  const top: Node = { name: '', namespace: '', attributes: new Map(), children: [], text: '' };
  const open = [top];
  const parser = new SaxesParser({ xmlns: true });
  parser.on('opentag', ({ local, uri, attributes }) => {
    const own = Object.values(attributes).map((one): [string, string] => [`${one.uri} ${one.local}`.trim(), one.value]);
    const node: Node = { name: local, namespace: uri, attributes: new Map(own), children: [], text: '' };
    open.at(-1)?.children.push(node);
    open.push(node);
  });
  const take = (text: string): void => {
    const node = open.at(-1);
    if (node !== undefined) node.text += text;
  };
  parser.on('text', take);
  parser.on('cdata', take);
  parser.on('closetag', () => void open.pop());
  parser.write(xml).close();
  return top;
}

/** Every element of that name, in the order of the document. */
export function all(node: Node, name: string): readonly Node[] {
  return node.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
}

const NIL = 'http://www.w3.org/2001/XMLSchema-instance nil';

/** A manifest as an element says it. */
export function manifestOf(node: Node): Manifest {
  const found = (name: string): readonly Node[] => node.children.filter((child) => child.name === name);
  const valueOf = (child: Node | undefined): string | null =>
    child === undefined || ['true', '1'].includes(child.attributes.get(NIL) ?? '') ? null : child.text;
  const text = (name: string): string => valueOf(found(name)[0]) ?? '';
  const origin = node.attributes.get('origin');
  return {
    revision: node.attributes.get('revision') ?? '',
    ...(origin === undefined ? {} : { origin }),
    manifestId: text('manifestId'),
    weight: text('weight'),
    serial: text('serial'),
    loadedAt: text('loadedAt'),
    plannedAt: text('plannedAt'),
    day: text('day'),
    sealed: text('sealed'),
    remark: valueOf(found('remark')[0]),
    limit: valueOf(found('limit')[0]),
    ...(found('note').length === 0 ? {} : { note: text('note') }),
    seal: found('seal').map((child) => child.text),
    line: found('line').map((child) => ({
      unit: child.attributes.get('unit') ?? '',
      position: child.children.find(({ name }) => name === 'position')?.text ?? '',
      quantity: child.children.find(({ name }) => name === 'quantity')?.text ?? '',
    })),
  };
}

/** The same value in one spelling: decimals without zeros at their end, times without zeros in their fraction and with `+00:00` for Z. */
export function canonical<T>(value: T): T {
  if (typeof value === 'string') return spelt(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => canonical(item)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, canonical(item)])) as T;
}

function spelt(text: string): string {
  if (/^-?\d+\.\d+$/.test(text)) return text.replace(/\.?0+$/, '');
  // Python writes very small decimals with an exponent.
  const [, sign = '', digits = '', zeros] = /^(-?)(\d)E-(\d+)$/.exec(text) ?? [];
  if (zeros !== undefined) return `${sign}0.${'0'.repeat(Number(zeros) - 1)}${digits}`;
  const [all, base = '', fraction = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d(?:T[\d:]{8})?)(\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  return all === undefined ? text : base + fraction.replace(/\.?0+$/, '') + (zone === 'Z' ? '+00:00' : zone);
}
