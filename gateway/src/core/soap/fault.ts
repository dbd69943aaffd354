/**
 * A fault as text, of either version: well-formed and valid against the envelope's schema whatever the reason says, so that
 * strict clients (JAX-WS, CXF) read it as the fault it is.
 */
import type { FaultCode, Version } from './refusal.ts';
import type { Name } from './scope.ts';

/** The namespace of the one element in a fault's detail. */
const DETAIL_NAMESPACE: string = 'urn:banyan:gateway';

const CODES_12: Record<FaultCode, string> = {
  Client: 'Sender',
  Server: 'Receiver',
  VersionMismatch: 'VersionMismatch',
  MustUnderstand: 'MustUnderstand',
};

export interface FaultText {
  readonly code: FaultCode;
  /** A sentence, in English. */
  readonly reason: string;
  /** The stable code (`GW_…`), which stands in the detail; null: it is not told. */
  readonly gw: string | null;
  /** The detail that the WSDL declares, as XML with its namespaces; it takes the code's place. */
  readonly detail?: string;
  /** Header blocks that were to be understood and are not (SOAP 1.2 part 1, section 5.4.8). */
  readonly notUnderstood?: readonly Name[];
}

const ENVELOPES: Record<Version, string> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};

const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';

/** Writes a message; an XML document in UTF-8. `body` is XML with its namespaces, `header` blocks that use the prefix `soap`. */
export function envelopeText(version: Version, body: string, header: string = ''): string {
  const head = header === '' ? '' : `<soap:Header>${header}</soap:Header>`;
  return `${DECLARATION}<soap:Envelope xmlns:soap="${ENVELOPES[version]}">${head}<soap:Body>${body}</soap:Body></soap:Envelope>`;
}

/** Writes a fault; an XML document in UTF-8. */
export function faultText(version: Version, { code, reason, gw, detail, notUnderstood = [] }: FaultText): string {
  const own = gw === null ? '' : `<gw:code xmlns:gw="${DETAIL_NAMESPACE}">${escapeText(gw)}</gw:code>`;
  const text = escapeText(reason);
  if (version === '1.1') return envelopeText(version, fault11(code, text, detail ?? own));
  // A block has a namespace (section 5.2); one without has no place in the list.
  const blocks = notUnderstood.flatMap(({ namespace, local }) =>
    namespace === '' ? [] : [`<soap:NotUnderstood qname="n:${escapeText(local)}" xmlns:n="${escapeText(namespace)}"/>`],
  );
  return envelopeText(version, fault12(CODES_12[code], text, detail ?? own), blocks.join(''));
}

/** The Content-Type of a message of that version. */
export function contentTypeOf(version: Version): string {
  return version === '1.1' ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8';
}

function fault11(code: string, reason: string, detail: string): string {
  return (
    `<soap:Fault><faultcode>soap:${code}</faultcode><faultstring>${reason}</faultstring>` +
    `${detail === '' ? '' : `<detail>${detail}</detail>`}</soap:Fault>`
  );
}

function fault12(code: string, reason: string, detail: string): string {
  return (
    `<soap:Fault><soap:Code><soap:Value>soap:${code}</soap:Value></soap:Code>` +
    `<soap:Reason><soap:Text xml:lang="en">${reason}</soap:Text></soap:Reason>` +
    `${detail === '' ? '' : `<soap:Detail>${detail}</soap:Detail>`}</soap:Fault>`
  );
}

// Everything outside of XML 1.0's Char production. Not even a character reference may stand for these.
// oxlint-disable-next-line no-control-regex
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** Escapes text content (and double-quoted attribute values); removes what XML cannot say. */
export function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(ILLEGAL, '')
    .replace(/[&<>"\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
