/**
 * One WSDL 1.1 or XML Schema document, reduced to what the facade asks of it: messages, port types, bindings, services, the
 * global elements of its schemas, and the documents it refers to. Names are resolved; nothing is looked up in other documents
 * (`link.ts` does).
 *
 * Read by ourselves and not by node-soap: its WSDL keeps body elements by local name only (two namespaces collide), fetches
 * what is imported over the network, and reads names into plain objects.
 */
import type { Version } from './refusal.ts';
import type { Name } from './scope.ts';
import { childrenOf, type Element } from './tree.ts';

export const WSDL: string = 'http://schemas.xmlsoap.org/wsdl/';
const WSDL_20 = 'http://www.w3.org/ns/wsdl';
export const XSD: string = 'http://www.w3.org/2001/XMLSchema';
const BINDINGS: ReadonlyMap<string, Version> = new Map([
  ['http://schemas.xmlsoap.org/wsdl/soap/', '1.1'],
  ['http://schemas.xmlsoap.org/wsdl/soap12/', '1.2'],
]);
/** Where `Action` of an input may come from: WS-Addressing's metadata and its drafts. */
const ACTIONS: readonly string[] = [
  'http://www.w3.org/2007/05/addressing/metadata',
  'http://www.w3.org/2006/05/addressing/wsdl',
  'http://schemas.xmlsoap.org/ws/2004/08/addressing',
].map((namespace) => `{${namespace}}Action`);

export interface Part {
  readonly name: string;
  /** Null: the part is given by type, or its prefix is not bound. */
  readonly element: Name | null;
  readonly line: number;
}

export interface AbstractOperation {
  readonly name: string;
  readonly input: {
    readonly name: string | null;
    readonly message: Name | null;
    readonly action: string | null;
  } | null;
  /** The message of the answer; null: there is none, or its name cannot be resolved. */
  readonly output: Name | null;
  readonly faults: readonly { readonly name: string; readonly message: Name | null }[];
  readonly oneWay: boolean;
  readonly line: number;
}

export interface PortType {
  readonly local: string;
  readonly operations: readonly AbstractOperation[];
}

export interface BoundOperation {
  readonly name: string;
  readonly inputName: string | null;
  readonly style: 'document' | 'rpc';
  readonly action: string;
  /** Of rpc's wrapper element. */
  readonly namespace: string;
  /** The parts that stand in the body; null: all. */
  readonly parts: readonly string[] | null;
  /** The same of the answer. */
  readonly outputNamespace: string;
  readonly outputParts: readonly string[] | null;
  readonly line: number;
}

export interface Binding {
  readonly local: string;
  readonly version: Version;
  readonly portType: Name | null;
  readonly operations: readonly BoundOperation[];
  readonly line: number;
}

/** A document that this one refers to. */
export interface Reference {
  readonly kind: 'wsdl' | 'schema';
  readonly location: string;
  readonly line: number;
  /** Of a schema that is included: it may have no namespace of its own, and then takes this one. */
  readonly adopt: string | null;
  /** The namespace whose declarations are expected there. */
  readonly namespace: string;
}

export interface SchemaElements {
  readonly namespace: string;
  readonly locals: readonly string[];
  /** The `xsd:schema` itself. */
  readonly root: Element;
}

export interface Description {
  readonly kind: 'description';
  readonly targetNamespace: string;
  readonly messages: readonly { readonly local: string; readonly parts: readonly Part[] }[];
  readonly portTypes: readonly PortType[];
  readonly bindings: readonly Binding[];
  /** The bindings that ports of services use. */
  readonly used: readonly Name[];
  readonly schemas: readonly SchemaElements[];
  readonly references: readonly Reference[];
  /** Namespaces that are imported without saying from where: everybody is expected to know them. */
  readonly unlocated: readonly string[];
}

export type Reading = Description | { readonly kind: 'unreadable'; readonly line: number; readonly because: string };

/** @param adopt the namespace of a schema without its own: of the one that includes it */
export function readDescription(root: Element, adopt: string | null): Reading {
  if (root.namespace === XSD && root.local === 'schema') return { ...EMPTY, ...readSchemas([root], adopt) };
  if (root.namespace === WSDL_20) return unreadable(root, 'it is WSDL 2.0, which is not supported; give a WSDL 1.1');
  if (root.namespace !== WSDL || root.local !== 'definitions') {
    return unreadable(root, `its root is ${root.local}, not definitions of WSDL 1.1 or a schema`);
  }
  const inline = childrenOf(root, WSDL, 'types').flatMap((types) => childrenOf(types, XSD, 'schema'));
  const schemas = readSchemas(inline, null);
  const imports = childrenOf(root, WSDL, 'import').flatMap((element): readonly Reference[] => {
    const location = element.attributes.get('location');
    const namespace = element.attributes.get('namespace') ?? '';
    return location === undefined ? [] : [{ kind: 'wsdl', location, line: element.line, adopt: null, namespace }];
  });
  return {
    kind: 'description',
    targetNamespace: root.attributes.get('targetNamespace') ?? '',
    messages: childrenOf(root, WSDL, 'message').map(readMessage),
    portTypes: childrenOf(root, WSDL, 'portType').map(readPortType),
    bindings: childrenOf(root, WSDL, 'binding').flatMap(readBinding),
    used: childrenOf(root, WSDL, 'service')
      .flatMap((service) => childrenOf(service, WSDL, 'port'))
      .map((port) => port.qname(port.attributes.get('binding') ?? ''))
      .filter((name) => name !== null),
    schemas: schemas.schemas,
    references: [...imports, ...schemas.references],
    unlocated: schemas.unlocated,
  };
}

const EMPTY: Description = {
  kind: 'description',
  targetNamespace: '',
  messages: [],
  portTypes: [],
  bindings: [],
  used: [],
  schemas: [],
  references: [],
  unlocated: [],
};

function unreadable({ line }: Element, because: string): Reading {
  return { kind: 'unreadable', line, because };
}

function readMessage(element: Element): Description['messages'][number] {
  const parts = childrenOf(element, WSDL, 'part').map((part): Part => {
    const named = part.attributes.get('element');
    const name = part.attributes.get('name') ?? '';
    return { name, element: named === undefined ? null : part.qname(named), line: part.line };
  });
  return { local: element.attributes.get('name') ?? '', parts };
}

function readPortType(element: Element): PortType {
  const operations = childrenOf(element, WSDL, 'operation').map((operation): AbstractOperation => {
    const input = childrenOf(operation, WSDL, 'input')[0];
    const action = ACTIONS.map((name) => input?.qualified.get(name)).find((value) => value !== undefined);
    return {
      name: operation.attributes.get('name') ?? '',
      input:
        input === undefined
          ? null
          : {
              name: input.attributes.get('name') ?? null,
              message: messageOf(input),
              action: action ?? null,
            },
      output: messageOf(childrenOf(operation, WSDL, 'output')[0]),
      faults: childrenOf(operation, WSDL, 'fault').map((fault) => ({
        name: fault.attributes.get('name') ?? '',
        message: messageOf(fault),
      })),
      oneWay: childrenOf(operation, WSDL, 'output').length === 0,
      line: operation.line,
    };
  });
  return { local: element.attributes.get('name') ?? '', operations };
}

function messageOf(element: Element | undefined): Name | null {
  return element === undefined ? null : element.qname(element.attributes.get('message') ?? '');
}

function soapChild(element: Element, local: string): Element | undefined {
  return element.children.find((child) => BINDINGS.has(child.namespace) && child.local === local);
}

/** Empty for a binding to something else than SOAP. */
function readBinding(element: Element): readonly Binding[] {
  const soap = soapChild(element, 'binding');
  const version = BINDINGS.get(soap?.namespace ?? '');
  if (soap === undefined || version === undefined) return [];
  const style = soap.attributes.get('style') ?? 'document';
  const operations = childrenOf(element, WSDL, 'operation').map((operation): BoundOperation => {
    const own = soapChild(operation, 'operation');
    const input = childrenOf(operation, WSDL, 'input')[0];
    const output = childrenOf(operation, WSDL, 'output')[0];
    const body = input === undefined ? undefined : bodyOf(input);
    const answer = output === undefined ? undefined : bodyOf(output);
    return {
      name: operation.attributes.get('name') ?? '',
      inputName: input?.attributes.get('name') ?? null,
      style: (own?.attributes.get('style') ?? style) === 'rpc' ? 'rpc' : 'document',
      action: (own?.attributes.get('soapAction') ?? '').trim(),
      namespace: body?.attributes.get('namespace') ?? '',
      parts: partsOf(body),
      outputNamespace: answer?.attributes.get('namespace') ?? '',
      outputParts: partsOf(answer),
      line: operation.line,
    };
  });
  const portType = element.qname(element.attributes.get('type') ?? '');
  return [{ local: element.attributes.get('name') ?? '', version, portType, operations, line: element.line }];
}

function partsOf(body: Element | undefined): readonly string[] | null {
  const parts = body?.attributes.get('parts');
  return parts === undefined ? null : parts.split(/\s+/).filter((part) => part !== '');
}

/** The soap:body of an input or output, which MIME bindings put into a part. */
function bodyOf(element: Element): Element | undefined {
  const own = soapChild(element, 'body');
  if (own !== undefined) return own;
  for (const child of element.children) {
    const inner = bodyOf(child);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function readSchemas(
  schemas: readonly Element[],
  adopt: string | null,
): Pick<Description, 'schemas' | 'references' | 'unlocated'> {
  const references: Reference[] = [];
  const unlocated: string[] = [];
  const elements = schemas.map((schema): SchemaElements => {
    const namespace = schema.attributes.get('targetNamespace') ?? adopt ?? '';
    for (const child of schema.children) {
      if (child.namespace !== XSD || !['import', 'include', 'redefine', 'override'].includes(child.local)) continue;
      const location = child.attributes.get('schemaLocation');
      const imported = child.local === 'import';
      const expected = imported ? (child.attributes.get('namespace') ?? '') : namespace;
      if (location === undefined) {
        if (imported) unlocated.push(expected);
        continue;
      }
      references.push({
        kind: 'schema',
        location,
        line: child.line,
        adopt: imported ? null : namespace,
        namespace: expected,
      });
    }
    const locals = childrenOf(schema, XSD, 'element').map((element) => element.attributes.get('name') ?? '');
    return { namespace, locals, root: schema };
  });
  return { schemas: elements, references, unlocated };
}
