/**
 * The XML Schemas of a WSDL, indexed: which component stands where under which name. Nothing is judged here, since most of what a
 * schema says never matters to the facade; `shape.ts` resolves what a codec asks for, and says what it cannot do and why.
 */
import { clark } from './scope.ts';
import type { Element } from './tree.ts';
import { XSD } from './wsdl.ts';

/** One `xsd:schema`: a document of its own, or one inside of a WSDL. */
export interface SchemaRoot {
  /** As it is shown in messages. */
  readonly file: string;
  readonly root: Element;
  /** Its own target namespace, or that of the schema that includes it. */
  readonly namespace: string;
}

/** What a component takes from the schema around it. */
export interface Origin {
  readonly file: string;
  readonly namespace: string;
  /** Whether local elements are in the namespace (`elementFormDefault`). */
  readonly qualifiedElements: boolean;
  readonly qualifiedAttributes: boolean;
  /** Whether it has no namespace of its own: then names without a prefix are names of the schema that includes it. */
  readonly chameleon: boolean;
}

/** A global declaration or definition. */
export interface Component {
  readonly element: Element;
  readonly origin: Origin;
  /** What makes it unusable, as part of a sentence: it stands twice, or is redefined. Null: nothing. */
  readonly trouble: string | null;
}

/** By {@link clark} name. Simple and complex types share their names (XML Schema 1, 2.2.1). */
export interface Schemas {
  readonly elements: ReadonlyMap<string, Component>;
  readonly types: ReadonlyMap<string, Component>;
  readonly attributes: ReadonlyMap<string, Component>;
  readonly groups: ReadonlyMap<string, Component>;
  readonly attributeGroups: ReadonlyMap<string, Component>;
  /** The namespaces of which at least one schema was read. */
  readonly namespaces: ReadonlySet<string>;
}

type Space = Exclude<keyof Schemas, 'namespaces'>;

const SPACES: ReadonlyMap<string, Space> = new Map([
  ['element', 'elements'],
  ['simpleType', 'types'],
  ['complexType', 'types'],
  ['attribute', 'attributes'],
  ['group', 'groups'],
  ['attributeGroup', 'attributeGroups'],
]);

/** Indexes schemas, in the order in which they were read. */
export function schemasOf(roots: readonly SchemaRoot[]): Schemas {
  const maps: Record<Space, Map<string, Component>> = {
    elements: new Map(),
    types: new Map(),
    attributes: new Map(),
    groups: new Map(),
    attributeGroups: new Map(),
  };
  for (const root of roots) {
    const origin = originOf(root);
    for (const child of root.root.children) {
      const space = child.namespace === XSD ? SPACES.get(child.local) : undefined;
      if (space !== undefined) add(maps[space], child, origin);
    }
  }
  // Once all are known, for what is redefined may stand in a document that was read later.
  for (const root of roots) markRedefined(maps, root);
  return { ...maps, namespaces: new Set(roots.map(({ namespace }) => namespace)) };
}

function originOf({ file, root, namespace }: SchemaRoot): Origin {
  return {
    file,
    namespace,
    qualifiedElements: root.attributes.get('elementFormDefault') === 'qualified',
    qualifiedAttributes: root.attributes.get('attributeFormDefault') === 'qualified',
    chameleon: !root.attributes.has('targetNamespace') && namespace !== '',
  };
}

function add(map: Map<string, Component>, element: Element, origin: Origin): void {
  const name = element.attributes.get('name');
  if (name === undefined) return;
  const key = clark(origin.namespace, name);
  const before = map.get(key);
  // The same file may be reached by an import and by an include: one declaration, read twice.
  if (before !== undefined && before.origin.file === origin.file && before.element.line === element.line) return;
  const trouble =
    before === undefined
      ? null
      : `${name} is declared twice, at ${placeOf(before)} and at ${placeOf({ element, origin })}; remove one`;
  map.set(key, { element: before?.element ?? element, origin: before?.origin ?? origin, trouble });
}

/** `redefine` (and 1.1's `override`) changes types behind the back of whoever uses them; nothing that it names is used. */
function markRedefined(maps: Record<Space, Map<string, Component>>, { file, root, namespace }: SchemaRoot): void {
  for (const child of root.children) {
    if (child.namespace !== XSD || (child.local !== 'redefine' && child.local !== 'override')) continue;
    for (const inner of child.children) {
      const space = inner.namespace === XSD ? SPACES.get(inner.local) : undefined;
      const name = inner.attributes.get('name');
      if (space === undefined || name === undefined) continue;
      const key = clark(namespace, name);
      const component = maps[space].get(key) ?? { element: inner, origin: originOf({ file, root, namespace }) };
      const trouble = `${name} is changed by xsd:${child.local} at ${file}:${inner.line}, which is not supported; write the type out`;
      maps[space].set(key, { ...component, trouble });
    }
  }
}

/** `orders.xsd:12`. */
export function placeOf({ element, origin }: Pick<Component, 'element' | 'origin'>): string {
  return `${origin.file}:${element.line}`;
}
