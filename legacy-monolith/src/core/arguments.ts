/**
 * What a SOAP client sent, made into what the REST side would have been sent: lists that are lists whatever their length,
 * numbers without the white space that XML allows around them, and special instructions as the JSON text that they are.
 */
import { readDraft, type Draft } from './draft.ts';
import type { Reading } from './reading.ts';
import type { Query } from './query.ts';

/** An element's children by local name: texts, further children, null for an empty or nil one, a list for repeated ones. */
export type Tree = { readonly [name: string]: Node };
export type Node = string | null | undefined | Tree | readonly Node[];

/** The text of a child; null when it is absent, nil, empty, or no text. */
export function textOf(tree: Tree, name: string): string | null {
  const node = tree[name];
  return typeof node === 'string' ? node : null;
}

/** The children of a child; none when it is absent or a text. */
export function childOf(tree: Tree, name: string): Tree {
  const node = tree[name];
  return isTree(node) ? node : {};
}

function isTree(node: Node): node is Tree {
  return typeof node === 'object' && node !== null && !isNodes(node);
}

function isNodes(node: Node): node is readonly Node[] {
  return Array.isArray(node);
}

function listOf(tree: Tree, name: string): readonly Node[] {
  const node = tree[name];
  if (node === undefined) return [];
  return isNodes(node) ? node : [node];
}

/** Filters and paging as a query string would have them. An empty element is an absent one. */
export function queryOf(tree: Tree, names: readonly string[]): Query {
  const found = names.map((name): [string, string | undefined] => [name, collapsed(tree[name])]);
  return Object.fromEntries(found);
}

// White space around a number, a date or a word of an enumeration does not count in XML.
function collapsed(node: Node): string | undefined {
  return typeof node === 'string' && node.trim() !== '' ? node.trim() : undefined;
}

// An empty element is an empty text, where there must be a text.
function textField(node: Node): Node {
  return node === null ? '' : node;
}

/** Reads an OrderDraft. */
export function draftOf(tree: Tree): Reading<Draft> {
  const instructions = textOf(tree, 'specialInstructions');
  const given = {
    productId: tree['productId'],
    customerId: tree['customerId'],
    quantity: collapsed(tree['quantity']),
    pickupAddress: addressOf(childOf(tree, 'pickupAddress')),
    pickupDate: collapsed(tree['pickupDate']),
    destinationAddress: addressOf(childOf(tree, 'destinationAddress')),
    expectedDeliveryDate: collapsed(tree['expectedDeliveryDate']),
    items: listOf(tree, 'items').map((node) => (isTree(node) ? itemOf(node) : node)),
    currency: collapsed(tree['currency']),
    tags: tree['tags'] === undefined ? null : listOf(tree, 'tags'),
    specialInstructions: instructions,
    terms: tree['terms'],
  };
  return readDraft(given, { document: instructions ?? '', path: [] });
}

function addressOf(tree: Tree): object {
  return {
    street: textField(tree['street']),
    city: tree['city'],
    country: tree['country'],
    state: tree['state'],
    zipcode: textField(tree['zipcode']),
  };
}

function itemOf(tree: Tree): object {
  return {
    lineNo: collapsed(tree['lineNo']),
    sku: tree['sku'],
    description: tree['description'],
    quantity: collapsed(tree['quantity']),
    unitPrice: collapsed(tree['unitPrice']),
  };
}
