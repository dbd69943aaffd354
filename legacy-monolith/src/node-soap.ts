/**
 * The one place that knows node-soap: it turns a message into an operation's arguments, and an operation's outcome into a
 * message, in our own types. node-soap finds the operation (by the SOAPAction header where there is one, else by the body);
 * what goes out is written by our encoder alone, since node-soap's loses digits and the schema's order.
 *
 * node-soap is not safe to put before strangers (an attribute `id="__proto__"` poisons the process for good). It is left as
 * it is: whoever exposes ReeferDesk puts something in front of it.
 */
import { readFile } from 'node:fs/promises';
import soap from 'soap';
import { faultElement, faultMessage, type Fault, type SoapVersion } from './core/messages.ts';
import type { Node, Tree } from './core/arguments.ts';
import { wordsOf } from './errors.ts';

/** What an operation came to: the XML of the answer's body element, or a fault. */
export type Outcome =
  { readonly kind: 'answer'; readonly xml: string } | { readonly kind: 'fault'; readonly fault: Fault };

/** Does one operation. What it throws becomes a server fault that says nothing of the cause. */
export type Operation = (args: Tree) => Promise<Outcome>;

export interface ServiceOptions {
  readonly wsdlFile: string;
  /** The service's name in the WSDL; its ports are called `<name>Soap11` and `<name>Soap12`. */
  readonly name: string;
  readonly path: string;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Told of what an operation threw; gives the fault to answer with. */
  readonly onError: (error: unknown) => Fault;
}

export interface SoapAnswer {
  readonly status: number;
  readonly xml: string;
}

/** Answers one message. `soapAction` is the header as it came; undefined without one. */
export type Answer = (xml: string, soapAction: string | undefined) => Promise<SoapAnswer>;

// Names of types whose digits node-soap would lose in numbers and dates; every leaf is handed on as the text it is.
const AS_TEXT = ['int', 'integer', 'long', 'short', 'decimal', 'double', 'float', 'boolean', 'dateTime', 'date'];

// An order is five levels deep. What is deeper belongs to no operation.
const DEPTH_LIMIT = 16;

/**
 * Opens a service for one version of SOAP: node-soap has one envelope for each server.
 * @throws when the WSDL, or an XSD that it imports, cannot be read
 */
export async function openService(version: SoapVersion, options: ServiceOptions): Promise<Answer> {
  const xml = await readFile(options.wsdlFile, 'utf8');
  const reached = new WeakSet<object>();
  const methods = Object.fromEntries(
    Object.entries(options.operations).map(([name, operation]) => [
      name,
      methodOf(version, operation, options, reached),
    ]),
  );
  const server = await new Promise<soap.Server>((resolve, reject) => {
    const settings: soap.IServerOptions & { customDeserializer: Record<string, (text: string) => string> } = {
      path: options.path,
      services: { [options.name]: { [`${options.name}Soap11`]: methods, [`${options.name}Soap12`]: methods } },
      xml,
      uri: options.wsdlFile,
      suppressStack: true,
      oneWay: { responseCode: 202 },
      forceSoap12Headers: version === '1.2',
      handleNilAsNull: true,
      customDeserializer: Object.fromEntries(AS_TEXT.map((type) => [type, (text: string): string => text])),
      callback: (error: unknown, ready: unknown) => {
        if (error === null || error === undefined) resolve(ready as soap.Server);
        else reject(error instanceof Error ? error : new Error(wordsOf(error)));
      },
    };
    soap.createServerless(settings).catch(reject);
  });

  return async (message, soapAction) => {
    const headers = soapAction === undefined ? {} : { soapaction: soapAction };
    const answer = await server.processRequest(message, { url: options.path, headers });
    if (reached.has(headers)) return { status: answer.statusCode, xml: answer.body };
    // node-soap's own words for this are a TypeError's, in a fault of neither version.
    const fault: Fault = { code: 'client', reason: `This is no request of ${options.name}`, detail: null };
    return { status: 500, xml: faultMessage(version, fault) };
  };
}

/** What node-soap looks for in an error: it writes `_xml` as it is, between the tags of the body. */
class FaultSignal extends Error {
  readonly Fault: { _xml: string; statusCode: number | undefined };

  constructor(xml: string) {
    super('SOAP fault');
    this.Fault = { _xml: xml, statusCode: 500 };
  }
}

type Method = (
  args: unknown,
  callback: unknown,
  headers: unknown,
  request: { headers: object },
) => Promise<{ _xml: string }>;

function methodOf(
  version: SoapVersion,
  operation: Operation,
  options: ServiceOptions,
  reached: WeakSet<object>,
): Method {
  return async (args, _callback, _headers, request) => {
    reached.add(request.headers);
    const outcome = await operation(treeOf(args)).catch((error: unknown): Outcome => ({
      kind: 'fault',
      fault: options.onError(error),
    }));
    if (outcome.kind === 'answer') return { _xml: outcome.xml };
    throw new FaultSignal(faultElement(version, outcome.fault));
  };
}

function treeOf(args: unknown): Tree {
  const node = nodeOf(args, 0);
  return typeof node === 'object' && node !== null && !Array.isArray(node) ? (node as Tree) : {};
}

// node-soap puts attributes beside the children, and the text of an element that has attributes under `$value`.
function nodeOf(value: unknown, depth: number): Node {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null || depth > DEPTH_LIMIT) return null;
  if (Array.isArray(value)) return value.map((entry) => nodeOf(entry, depth + 1));
  if ('$value' in value) return nodeOf(value.$value, depth + 1);
  const children = Object.entries(value).filter(([name]) => name !== 'attributes');
  if (children.length === 0) return null;
  return Object.fromEntries(children.map(([name, child]) => [name, nodeOf(child, depth + 1)]));
}
