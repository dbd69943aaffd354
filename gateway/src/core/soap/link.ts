/**
 * The documents of one WSDL, linked: from the ports through bindings and port types to the element that stands in the body.
 * Every problem is reported at once, with its document and line.
 */
import type { Version } from './refusal.ts';
import { clark, type Name } from './scope.ts';
import { serviceOf, type Operation, type Service } from './service.ts';
import type { AbstractOperation, Binding, BoundOperation, Description, Part, PortType } from './wsdl.ts';

export interface Document {
  /** As it is shown in messages. */
  readonly file: string;
  readonly description: Description;
}

export interface Problem {
  readonly file: string;
  readonly line: number;
  /** What is wrong and what to do, as a sentence without its place. */
  readonly what: string;
}

export interface LinkOptions {
  /** Namespaces of which something was not loaded, because it is on the network: what is missing there is not a mistake. */
  readonly incomplete: ReadonlySet<string>;
}

export interface Linked {
  readonly service: Service;
  readonly problems: readonly Problem[];
}

interface Index {
  readonly messages: ReadonlyMap<string, readonly Part[]>;
  readonly portTypes: ReadonlyMap<string, { readonly portType: PortType; readonly namespace: string }>;
  readonly elements: ReadonlySet<string>;
  readonly incomplete: ReadonlySet<string>;
}

interface Draft {
  readonly name: string;
  readonly style: 'document' | 'rpc';
  readonly input: Name | null;
  readonly output: Name | null;
  readonly faults: Operation['faults'];
  readonly oneWay: boolean;
  readonly actions: Record<Version, string[]>;
  readonly addressing: string[];
}

/** @param documents the WSDL itself first */
export function link(documents: readonly Document[], { incomplete }: LinkOptions): Linked {
  const index = indexOf(documents, incomplete);
  const used = new Set(documents.flatMap(({ description }) => description.used).map(keyOf));
  const drafts = new Map<string, Draft>();
  const opaque = new Set<string>();
  const problems: Problem[] = [];
  let bindings = 0;
  for (const { file, description } of documents) {
    for (const binding of description.bindings) {
      // A WSDL without ports is one half of a pair; its bindings are all there is to go by.
      if (used.size > 0 && !used.has(clark(description.targetNamespace, binding.local))) continue;
      bindings += 1;
      const found = operationsOf(binding, index);
      problems.push(...found.problems.map((problem) => ({ file, ...problem })));
      for (const draft of found.drafts) merge(drafts, draft);
      for (const name of found.opaque) opaque.add(name);
    }
  }
  const [main] = documents;
  if (bindings === 0 && main !== undefined) {
    problems.push({
      file: main.file,
      line: 1,
      what: 'no port of it has a SOAP binding; give the WSDL that has the service',
    });
  }
  const operations: readonly Operation[] = [...drafts.values()];
  return { service: serviceOf(operations, [...opaque]), problems };
}

const keyOf = ({ namespace, local }: Name): string => clark(namespace, local);

function indexOf(documents: readonly Document[], incomplete: ReadonlySet<string>): Index {
  const messages = new Map<string, readonly Part[]>();
  const portTypes = new Map<string, { portType: PortType; namespace: string }>();
  const elements = new Set<string>();
  for (const { description } of documents) {
    const namespace = description.targetNamespace;
    for (const { local, parts } of description.messages) messages.set(clark(namespace, local), parts);
    for (const portType of description.portTypes)
      portTypes.set(clark(namespace, portType.local), { portType, namespace });
    for (const schema of description.schemas) {
      for (const local of schema.locals) elements.add(clark(schema.namespace, local));
    }
  }
  const loaded = new Set(documents.flatMap(({ description }) => description.schemas.map(({ namespace }) => namespace)));
  const unlocated = documents.flatMap(({ description }) => description.unlocated);
  const missing = unlocated.filter((namespace) => !loaded.has(namespace));
  return { messages, portTypes, elements, incomplete: new Set([...incomplete, ...missing]) };
}

interface Found {
  readonly drafts: readonly Draft[];
  readonly opaque: readonly string[];
  readonly problems: readonly Omit<Problem, 'file'>[];
}

function operationsOf(binding: Binding, index: Index): Found {
  const drafts: Draft[] = [];
  const opaque: string[] = [];
  const problems: { line: number; what: string }[] = [];
  const owner = binding.portType === null ? undefined : index.portTypes.get(keyOf(binding.portType));
  if (owner === undefined) {
    const known = binding.portType !== null && index.incomplete.has(binding.portType.namespace);
    const what = `the binding ${binding.local} names a portType that is nowhere; correct its type, or import the document that has it`;
    return { drafts, opaque, problems: known ? [] : [{ line: binding.line, what }] };
  }
  for (const bound of binding.operations) {
    const abstract = abstractOf(bound, owner.portType);
    if (abstract === undefined) {
      const what = `the operation ${bound.name} of the binding ${binding.local} is not in its portType ${owner.portType.local}`;
      problems.push({ line: bound.line, what });
      continue;
    }
    const input = inputOf(bound, abstract, index);
    if (input.kind === 'problem') problems.push({ line: input.line, what: input.what });
    else if (input.kind === 'opaque') opaque.push(bound.name);
    else drafts.push(draftOf({ bound, abstract, binding, owner, index }, input.name));
  }
  return { drafts, opaque, problems };
}

/** WSDL 1.1 lets operations share a name; then their inputs' names tell them apart. */
function abstractOf(bound: BoundOperation, portType: PortType): AbstractOperation | undefined {
  const same = portType.operations.filter(({ name }) => name === bound.name);
  return same.find(({ input }) => bound.inputName !== null && input?.name === bound.inputName) ?? same[0];
}

type Input =
  | { readonly kind: 'input'; readonly name: Name | null }
  /** A document-style part by type: any element may stand in the body. */
  | { readonly kind: 'opaque' }
  | { readonly kind: 'problem'; readonly line: number; readonly what: string };

function inputOf(bound: BoundOperation, abstract: AbstractOperation, index: Index): Input {
  if (bound.style === 'rpc') return { kind: 'input', name: { namespace: bound.namespace, local: bound.name } };
  const { input } = abstract;
  if (input === null) return { kind: 'input', name: null };
  const all = input.message === null ? undefined : index.messages.get(keyOf(input.message));
  if (all === undefined) {
    if (input.message !== null && index.incomplete.has(input.message.namespace)) return { kind: 'opaque' };
    const what = `the input message of the operation ${abstract.name} is nowhere; correct its name, or import the document that has it`;
    return { kind: 'problem', line: abstract.line, what };
  }
  const { parts } = bound;
  const inBody = parts === null ? all : all.filter(({ name }) => parts.includes(name));
  const [part] = inBody;
  if (part === undefined) return { kind: 'input', name: null };
  if (part.element === null) return { kind: 'opaque' };
  const { namespace } = part.element;
  if (index.elements.has(keyOf(part.element)) || index.incomplete.has(namespace))
    return { kind: 'input', name: part.element };
  const what = `the part ${part.name} names the element ${keyOf(part.element)}, which no schema declares`;
  return { kind: 'problem', line: part.line, what };
}

interface Context {
  readonly bound: BoundOperation;
  readonly abstract: AbstractOperation;
  readonly binding: Binding;
  readonly owner: { readonly portType: PortType; readonly namespace: string };
  readonly index: Index;
}

function draftOf({ bound, abstract, binding, owner, index }: Context, input: Name | null): Draft {
  const actions: Record<Version, string[]> = { '1.1': [], '1.2': [] };
  if (bound.action !== '') actions[binding.version].push(bound.action);
  return {
    name: bound.name,
    style: bound.style,
    input,
    output: outputOf(bound, abstract, index),
    faults: faultsOf(abstract, index),
    oneWay: abstract.oneWay,
    actions,
    addressing: [abstract.input?.action ?? defaultAction(abstract, owner)],
  };
}

/** What cannot be resolved is no mistake before somebody asks for it: forwarding needs inputs alone. */
function outputOf(bound: BoundOperation, { output }: AbstractOperation, index: Index): Name | null {
  if (output === null) return null;
  // WS-I Basic Profile 1.1, R2729.
  if (bound.style === 'rpc') return { namespace: bound.outputNamespace, local: `${bound.name}Response` };
  const all = index.messages.get(keyOf(output)) ?? [];
  const { outputParts } = bound;
  return (outputParts === null ? all : all.filter(({ name }) => outputParts.includes(name)))[0]?.element ?? null;
}

function faultsOf({ faults }: AbstractOperation, index: Index): Operation['faults'] {
  return faults.flatMap(({ name, message }) => {
    const element = message === null ? null : index.messages.get(keyOf(message))?.[0]?.element;
    return element === null || element === undefined ? [] : [{ name, element }];
  });
}

/** WS-Addressing's default action pattern for WSDL 1.1 (WS-Addressing Metadata, 4.4.4). */
function defaultAction(abstract: AbstractOperation, { portType, namespace }: Context['owner']): string {
  const delimiter = namespace.toLowerCase().startsWith('urn:') ? ':' : '/';
  const base = namespace.endsWith(delimiter) ? namespace.slice(0, -1) : namespace;
  const input = abstract.input?.name ?? (abstract.oneWay ? abstract.name : `${abstract.name}Request`);
  return [base, portType.local, input].join(delimiter);
}

/** The same operation through several bindings (1.1 and 1.2) is one operation. */
function merge(drafts: Map<string, Draft>, draft: Draft): void {
  const key = `${draft.name} ${draft.input === null ? '' : keyOf(draft.input)}`;
  const before = drafts.get(key);
  if (before === undefined) return void drafts.set(key, draft);
  for (const version of ['1.1', '1.2'] as const) {
    for (const action of draft.actions[version]) {
      if (!before.actions[version].includes(action)) before.actions[version].push(action);
    }
  }
  for (const action of draft.addressing) if (!before.addressing.includes(action)) before.addressing.push(action);
}
