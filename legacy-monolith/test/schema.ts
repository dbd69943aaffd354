/** A small judge of XML by the XSDs in `wsdl/`: order, occurrence, nil, namespaces, and the lexical form of simple types. */
import { readFile } from 'node:fs/promises';
import { SaxesParser } from 'saxes';

export interface Xml {
  readonly uri: string;
  readonly local: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Xml[];
  text: string;
}

const XSD = 'http://www.w3.org/2001/XMLSchema';
const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/** Parses a document, strictly; throws on what is not well-formed or not namespace-correct. */
export function parse(text: string): Xml {
  const parser = new SaxesParser({ xmlns: true });
  const root: Xml = { uri: '', local: '', attributes: {}, children: [], text: '' };
  const stack = [root];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const attributes = Object.values(tag.attributes).map((one): [string, string] => [
      one.uri === '' ? one.local : `{${one.uri}}${one.local}`,
      one.value,
    ]);
    const node: Xml = {
      uri: tag.uri,
      local: tag.local,
      attributes: Object.fromEntries(attributes),
      children: [],
      text: '',
    };
    stack.at(-1)!.children.push(node);
    stack.push(node);
  });
  parser.on('text', (piece) => {
    stack.at(-1)!.text += piece;
  });
  parser.on('closetag', () => void stack.pop());
  parser.write(text).close();
  return root.children[0]!;
}

/** The first descendant of that local name, or undefined. */
export function find(node: Xml, local: string): Xml | undefined {
  if (node.local === local) return node;
  for (const child of node.children) {
    const found = find(child, local);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An element of a sequence, as the XSD declares it. */
export interface Particle {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly many: boolean;
  readonly nillable: boolean;
}

export interface Schema {
  /** Global elements: `{uri}name` to the type's `{uri}name`. */
  readonly elements: Map<string, string>;
  /** Complex types: `{uri}name` to their sequence. */
  readonly sequences: Map<string, readonly Particle[]>;
  /** Simple types: `{uri}name` to what their text must match. */
  readonly texts: Map<string, RegExp>;
}

const builtIn: Readonly<Record<string, RegExp>> = {
  string: /^[\s\S]*$/,
  int: /^-?\d{1,10}$/,
  decimal: /^-?\d+(\.\d+)?$/,
  dateTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$/,
};

/** Reads the XSDs of these names. */
export async function readSchema(names: readonly string[]): Promise<Schema> {
  const schema: Schema = { elements: new Map(), sequences: new Map(), texts: new Map() };
  for (const [name, pattern] of Object.entries(builtIn)) schema.texts.set(`{${XSD}}${name}`, pattern);
  for (const name of names) add(schema, await readFile(new URL(`../wsdl/${name}`, import.meta.url), 'utf8'));
  return schema;
}

function add(schema: Schema, text: string): void {
  const root = parse(text);
  const target = root.attributes['targetNamespace']!;
  const qualified = (qname: string): string => {
    const [prefix, local] = qname.split(':');
    return `{${root.attributes[`{http://www.w3.org/2000/xmlns/}${prefix}`]}}${local}`;
  };
  for (const node of root.children) {
    const name = `{${target}}${node.attributes['name']}`;
    if (node.local === 'element') schema.elements.set(name, qualified(node.attributes['type']!));
    if (node.local === 'simpleType') schema.texts.set(name, patternOf(node.children[0]!));
    if (node.local === 'complexType') {
      schema.sequences.set(
        name,
        node.children[0]!.children.map((one) => ({
          name: `{${target}}${one.attributes['name']}`,
          type: qualified(one.attributes['type']!),
          optional: one.attributes['minOccurs'] === '0',
          many: one.attributes['maxOccurs'] === 'unbounded',
          nillable: one.attributes['nillable'] === 'true',
        })),
      );
    }
  }
}

function patternOf(restriction: Xml): RegExp {
  const words = restriction.children.filter((one) => one.local === 'enumeration').map((one) => one.attributes['value']);
  return words.length > 0 ? new RegExp(`^(${words.join('|')})$`) : /^-?\d{1,10}(\.\d{1,2})?$/;
}

/** Everything that is wrong with an element, by path; empty when it is valid. */
export function judge(schema: Schema, node: Xml): string[] {
  const type = schema.elements.get(`{${node.uri}}${node.local}`);
  return type === undefined ? [`${node.local} is not declared`] : judgeAs(schema, node, type, node.local);
}

function judgeAs(schema: Schema, node: Xml, type: string, path: string): string[] {
  if (node.attributes[`{${XSI}}nil`] === 'true') return [`${path} must not be nil`];
  const pattern = schema.texts.get(type);
  if (pattern !== undefined) {
    if (node.children.length > 0) return [`${path} must be a text`];
    return pattern.test(node.text) ? [] : [`${path} is no ${type}: ${node.text}`];
  }
  const wrong: string[] = [];
  if (node.text.trim() !== '') wrong.push(`${path} has text between its elements`);
  const left = [...node.children];
  for (const particle of schema.sequences.get(type)!) {
    let count = 0;
    while (
      left[0] !== undefined &&
      `{${left[0].uri}}${left[0].local}` === particle.name &&
      (count === 0 || particle.many)
    ) {
      const child = left.shift()!;
      const here = `${path}/${child.local}`;
      count += 1;
      const isNil = child.attributes[`{${XSI}}nil`] === 'true';
      if (isNil && particle.nillable) {
        if (child.text !== '' || child.children.length > 0) wrong.push(`${here} is nil and has content`);
      } else {
        wrong.push(...judgeAs(schema, child, particle.type, here));
      }
    }
    if (count === 0 && !particle.optional) wrong.push(`${path} lacks ${particle.name}`);
  }
  if (left.length > 0) wrong.push(`${path} has ${left[0]!.local} where it does not belong`);
  return wrong;
}
