/**
 * A fault as text, of either version: well-formed and valid against the envelope's schema whatever the reason says, so that
 * strict clients (JAX-WS, CXF) read it as the fault it is.
 */
import type { FaultCode, Version } from './refusal.ts';

/** The namespace of the one element in a fault's detail. */
export const DETAIL_NAMESPACE: string = 'urn:banyan:gateway';

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
  /** The stable code (`GW_…`). */
  readonly gw: string;
}

/** Writes a fault; an XML document in UTF-8. */
export function faultText(version: Version, { code, reason, gw }: FaultText): string {
  const detail = `<gw:code xmlns:gw="${DETAIL_NAMESPACE}">${escapeText(gw)}</gw:code>`;
  const text = escapeText(reason);
  return version === '1.1' ? fault11(code, text, detail) : fault12(CODES_12[code], text, detail);
}

/** The Content-Type of a message of that version. */
export function contentTypeOf(version: Version): string {
  return version === '1.1' ? 'text/xml; charset=utf-8' : 'application/soap+xml; charset=utf-8';
}

function fault11(code: string, reason: string, detail: string): string {
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>' +
    `<faultcode>soap:${code}</faultcode><faultstring>${reason}</faultstring><detail>${detail}</detail>` +
    '</soap:Fault></soap:Body></soap:Envelope>'
  );
}

function fault12(code: string, reason: string, detail: string): string {
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body><soap:Fault>' +
    `<soap:Code><soap:Value>soap:${code}</soap:Value></soap:Code>` +
    `<soap:Reason><soap:Text xml:lang="en">${reason}</soap:Text></soap:Reason><soap:Detail>${detail}</soap:Detail>` +
    '</soap:Fault></soap:Body></soap:Envelope>'
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
