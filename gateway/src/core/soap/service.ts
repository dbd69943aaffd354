/**
 * A SOAP service as the facade knows it: which body element and which actions belong to which operation. `classify` is the one
 * place that says which operation a message calls. The body decides; an action only contradicts.
 */
import type { Version } from './refusal.ts';
import { clark, type Name } from './scope.ts';

export interface Operation {
  readonly name: string;
  readonly style: 'document' | 'rpc';
  /** The element in the body: the input part's element, or rpc's wrapper. Null: the body is empty. */
  readonly input: Name | null;
  /** The element in the body of the answer; null: the body is empty, there is no answer, or no element is named. */
  readonly output: Name | null;
  /** The faults that are declared, each with the element in its detail. Those of which no element is known are left out. */
  readonly faults: readonly { readonly name: string; readonly element: Name }[];
  /** Whether no answer is declared. */
  readonly oneWay: boolean;
  /** The soapActions of its bindings; the empty one is left out. */
  readonly actions: Readonly<Record<Version, readonly string[]>>;
  /** The values of `wsa:Action` that stand for it. */
  readonly addressing: readonly string[];
}

export interface Service {
  readonly operations: readonly Operation[];
  /** Input elements that more than one operation takes: only the action tells them apart. */
  readonly shared: readonly { readonly input: Name | null; readonly operations: readonly Operation[] }[];
  /** Operations that no element names (document style with a part by type): their messages are unknown ones. */
  readonly opaque: readonly string[];
  /** By {@link clark} name; the empty text for operations with an empty body. */
  readonly byInput: ReadonlyMap<string, readonly Operation[]>;
  readonly byAction: ReadonlyMap<string, readonly Operation[]>;
  /** By lower-case action, name, input element, and last segment of an action: what a lenient server might go by. */
  readonly byWord: ReadonlyMap<string, readonly Operation[]>;
}

/** Indexes operations. What is listed here is known; everything else is an unknown operation. */
export function serviceOf(operations: readonly Operation[], opaque: readonly string[] = []): Service {
  const byInput = new Map<string, Operation[]>();
  const byAction = new Map<string, Operation[]>();
  const byWord = new Map<string, Operation[]>();
  for (const operation of operations) {
    const { input, name } = operation;
    add(byInput, input === null ? '' : clark(input.namespace, input.local), operation);
    for (const action of [...operation.actions['1.1'], ...operation.actions['1.2'], ...operation.addressing]) {
      add(byAction, action, operation);
      add(byWord, action.toLowerCase(), operation);
      add(byWord, lastSegment(action).toLowerCase(), operation);
    }
    add(byWord, name.toLowerCase(), operation);
    if (input !== null) add(byWord, input.local.toLowerCase(), operation);
  }
  byWord.delete('');
  const shared = [...byInput.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({ input: group[0]?.input ?? null, operations: group }));
  return { operations, shared, opaque, byInput, byAction, byWord };
}

/** A service without a WSDL: operations are the elements that routes name, and nothing is known of their actions. */
export function bareService(elements: readonly Name[]): Service {
  return serviceOf(
    elements.map((input) => ({
      name: input.local,
      style: 'document',
      input,
      output: null,
      faults: [],
      oneWay: false,
      actions: { '1.1': [], '1.2': [] },
      addressing: [],
    })),
  );
}

function add(index: Map<string, Operation[]>, key: string, operation: Operation): void {
  const group = index.get(key);
  if (group === undefined) index.set(key, [operation]);
  else if (!group.includes(operation)) group.push(operation);
}

/** `http://example.org/orders/GetOrder`, `urn:GetOrder` and `#GetOrder` all end in `GetOrder`. */
function lastSegment(action: string): string {
  return /[^/#:]*$/.exec(action)?.[0] ?? '';
}

/**
 * The operations that a server might pick for an action: the ones that declare it, else those that declare it in other letters,
 * else those that its last segment names. Empty: the action says nothing about this service.
 */
function namedBy(service: Service, action: string): readonly Operation[] {
  const lower = action.toLowerCase();
  return service.byAction.get(action) ?? service.byWord.get(lower) ?? service.byWord.get(lastSegment(lower)) ?? [];
}

export type Classification =
  /** Usually one; several when they share an input and no action told them apart: then all go to the same place. */
  | { readonly kind: 'known'; readonly operations: readonly [Operation, ...Operation[]] }
  /** An element that no operation takes. */
  | { readonly kind: 'unknown' }
  /** `action` names an operation that the body does not call. */
  | {
      readonly kind: 'mismatch';
      readonly action: string;
      readonly named: readonly Operation[];
      readonly body: readonly Operation[];
    }
  /** An empty body, and nothing says which operation it stands for. */
  | { readonly kind: 'undecided' };

/**
 * @param element the first child of the body; null when the body is empty
 * @param actions every action that came with the message, wherever; empty ones left out
 */
export function classify(service: Service, element: Name | null, actions: readonly string[]): Classification {
  const candidates = candidatesFor(service, element);
  let remaining = candidates;
  for (const action of actions) {
    const named = namedBy(service, action);
    if (named.length === 0) continue;
    if (!named.some((operation) => candidates.includes(operation))) {
      return { kind: 'mismatch', action, named, body: candidates };
    }
    remaining = remaining.filter((operation) => named.includes(operation));
  }
  if (remaining.length === 0 && candidates.length > 0) {
    // Two actions that each name one of the candidates, and not the same one.
    return { kind: 'mismatch', action: actions.join(', '), named: candidates, body: candidates };
  }
  const [first, ...others] = remaining;
  if (first === undefined) return { kind: element === null ? 'undecided' : 'unknown' };
  if (element === null && others.length > 0) return { kind: 'undecided' };
  return { kind: 'known', operations: [first, ...others] };
}

function candidatesFor(service: Service, element: Name | null): readonly Operation[] {
  if (element !== null) return service.byInput.get(clark(element.namespace, element.local)) ?? [];
  const empty = service.byInput.get('');
  if (empty !== undefined) return empty;
  // A service of one operation: an empty body cannot mean another one.
  return service.operations.length === 1 ? service.operations : [];
}
