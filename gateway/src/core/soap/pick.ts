/**
 * Where a bridge takes a value from: a place in a JSON tree (`$.items`, `input.orderId`), or a SOAP header block (`header:{urn:x}Tenant`).
 * A place is names and indexes from the root, in the syntax of the ledger's paths; nothing that could mean several places.
 */
import { isList, isObject, type Json } from '../json.ts';
import { parseAt, type Step } from '../path.ts';
import type { Name } from './scope.ts';

/** A place in one of two trees. `$` is what is being mapped; `input` is the operation's input, where an answer is mapped. */
export interface Pick {
  readonly kind: 'pick';
  readonly from: '$' | 'input';
  /** As it was written. */
  readonly text: string;
  readonly steps: readonly Step[];
}

/** The text of a block of the SOAP header. */
export interface Block {
  readonly kind: 'block';
  readonly text: string;
  readonly name: Name;
}

/** What is wrong with what was written, and what would be right. */
export interface Wrong {
  readonly kind: 'wrong';
  readonly because: string;
}

const INPUT = /^input(?=$|[.[])/;

/** Reads `$.items`, `$['odd name'][0]` or `input.orderId`. Never throws. */
export function parsePick(text: string): Pick | Wrong {
  const from = INPUT.test(text) ? 'input' : '$';
  const path = from === 'input' ? text.replace(INPUT, '$') : text;
  if (!path.startsWith('$')) return wrong(`expected a JSON path such as $.order.id, not "${text}"`);
  const at = parseAt(path);
  if ('error' in at) return wrong(at.error);
  const steps: Step[] = [];
  for (const { descend, selectors } of at.segments) {
    const [selector] = selectors;
    if (descend || selectors.length !== 1 || selector === undefined || selector.kind === 'any')
      return wrong(`"${text}" means several places: name one, by names and indexes`);
    steps.push(selector.kind === 'name' ? selector.name : selector.index);
  }
  return { kind: 'pick', from, text, steps };
}

/** Reads `voyage.id`: a place below the object that stands for a type, with or without the leading `$.`. */
export function parseBelow(text: string): readonly string[] | Wrong {
  const pick = parsePick(text.startsWith('$') ? text : `$.${text}`);
  if (pick.kind === 'wrong') return pick;
  const names = pick.steps.filter((step) => typeof step === 'string');
  if (names.length === 0 || names.length !== pick.steps.length)
    return wrong(`"${text}": expected names, such as voyage.id`);
  return names;
}

const BLOCK = /^header:(?:\{([^{}]*)\})?([^{}:\s]+)$/;

/** Reads where the value of a request's field comes from: a place in the input, or `header:{namespace}Name`. */
export function parseSource(text: string): Pick | Block | Wrong {
  if (!text.startsWith('header:')) return parsePick(text);
  const [, namespace = '', local] = BLOCK.exec(text) ?? [];
  return local === undefined
    ? wrong(`"${text}": a SOAP header block is named as header:{namespace}Name`)
    : { kind: 'block', text, name: { namespace, local } };
}

const wrong = (because: string): Wrong => ({ kind: 'wrong', because });

/** What stands at a place; undefined when nothing does. */
export function picked(json: Json | undefined, steps: readonly Step[]): Json | undefined {
  let at = json;
  for (const step of steps) {
    if (at === undefined) return undefined;
    if (typeof step === 'number') at = isList(at) ? at[step] : undefined;
    else at = isObject(at) ? at.get(step) : undefined;
  }
  return at;
}
