/**
 * An XML document of ours (a WSDL, a schema) as a tree with namespaces resolved and lines known. For files that operators
 * trust; what clients send never becomes a tree.
 */
import { SaxesParser } from 'saxes';
import { XMLNS_NAMESPACE, type Name } from './scope.ts';

export interface Element {
  readonly namespace: string;
  readonly local: string;
  /** By name as written; namespace declarations are left out. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Attributes with a prefix, by {@link clark} name. */
  readonly qualified: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** Counted from 1. */
  readonly line: number;
  /** Resolves a QName in a value (`tns:GetOrder`). Null: its prefix is not bound here. */
  readonly qname: (text: string) => Name | null;
}

export type Parsed =
  | { readonly kind: 'tree'; readonly root: Element }
  | { readonly kind: 'broken'; readonly line: number; readonly because: string };

/** Deeper than any schema is written; the tree is walked recursively. */
const DEPTH = 256;

/** Reads a document. Entities of its own, and so most DOCTYPEs, are not understood. */
export function parseTree(text: string): Parsed {
  const parser = new SaxesParser({ xmlns: true });
  const open: { readonly children: Element[]; readonly element: Element }[] = [];
  let root: Element | null = null;
  parser.on('opentag', (tag) => {
    if (open.length >= DEPTH) parser.fail(`elements are nested more than ${DEPTH} deep`);
    const attributes = new Map<string, string>();
    const qualified = new Map<string, string>();
    const own = new Map<string, string>();
    for (const { name, uri, local, value } of Object.values(tag.attributes)) {
      if (uri === XMLNS_NAMESPACE) own.set(name === 'xmlns' ? '' : local, value);
      else if (uri === '') attributes.set(name, value);
      else qualified.set(`{${uri}}${local}`, value);
    }
    const parent = open.at(-1);
    const outer =
      parent?.element.qname ?? ((name: string) => (name.includes(':') ? null : { namespace: '', local: name }));
    const children: Element[] = [];
    const element: Element = {
      namespace: tag.uri,
      local: tag.local,
      attributes,
      qualified,
      children,
      line: parser.line,
      qname: own.size === 0 ? outer : within(own, outer),
    };
    if (parent === undefined) root = element;
    else parent.children.push(element);
    open.push({ children, element });
  });
  parser.on('closetag', () => void open.pop());
  try {
    parser.write(text).close();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { kind: 'broken', line: parser.line, because: words.replace(/^\d+:\d+: /, '') };
  }
  return root === null ? { kind: 'broken', line: 1, because: 'there is no root element' } : { kind: 'tree', root };
}

function within(own: ReadonlyMap<string, string>, outer: Element['qname']): Element['qname'] {
  return (text) => {
    const name = text.trim();
    const colon = name.indexOf(':');
    const namespace = own.get(name.slice(0, Math.max(colon, 0)));
    return namespace === undefined ? outer(name) : { namespace, local: name.slice(colon + 1) };
  };
}

/** The children with that name, in order. */
export function childrenOf(element: Element, namespace: string, local: string): readonly Element[] {
  return element.children.filter((child) => child.namespace === namespace && child.local === local);
}
