/**
 * Why a SOAP message is not passed on, as a value. The code is the contract (it stands in the fault's detail, in logs and in
 * metrics); HTTP status and fault code are looked up here, so that they cannot disagree with it.
 *
 * A fault that says "your message is wrong" is HTTP 500 in both versions: many clients parse a fault on 500 only. What HTTP
 * itself has a word for (too large, an encoding or charset that is not understood, a broken transfer) keeps that status.
 */

export type Version = '1.1' | '1.2';

/** In SOAP 1.1's words; a 1.2 fault says Sender and Receiver. */
export type FaultCode = 'Client' | 'Server' | 'VersionMismatch' | 'MustUnderstand';

export const SOAP_CODES = {
  /** SOAPAction, Content-Type or Content-Encoding came twice, or cannot be read. */
  GW_SOAP_HEADERS: { status: 400, faultcode: 'Client' },
  /** The body is not what its Content-Encoding says. */
  GW_SOAP_COMPRESSION: { status: 400, faultcode: 'Client' },
  /** The MIME structure of a multipart/related message is broken or ambiguous. */
  GW_SOAP_MULTIPART: { status: 400, faultcode: 'Client' },
  /** The body did not arrive in time. */
  GW_SOAP_SLOW: { status: 408, faultcode: 'Client' },
  /** Over the limit for bodies, inflated or not. */
  GW_SOAP_TOO_LARGE: { status: 413, faultcode: 'Client' },
  /** The operation was not named within the limit. */
  GW_SOAP_HEAD_TOO_LARGE: { status: 413, faultcode: 'Client' },
  /** A Content-Encoding or Content-Transfer-Encoding that is not understood. */
  GW_SOAP_ENCODING: { status: 415, faultcode: 'Client' },
  /** A charset that is not on the list, or bytes that are not in it. */
  GW_SOAP_CHARSET: { status: 415, faultcode: 'Client' },
  /** Not well-formed XML 1.0 with namespaces, or cut short. */
  GW_SOAP_MALFORMED: { status: 500, faultcode: 'Client' },
  GW_SOAP_DOCTYPE: { status: 500, faultcode: 'Client' },
  /** Too deep, too many attributes, too long a start tag. */
  GW_SOAP_LIMIT: { status: 500, faultcode: 'Client' },
  /** An envelope of an unknown version, or of another version than the Content-Type says. */
  GW_SOAP_VERSION: { status: 500, faultcode: 'VersionMismatch' },
  /** An envelope that is not Header? Body, or a Body with a second message in it. */
  GW_SOAP_SHAPE: { status: 500, faultcode: 'Client' },
  /** The action names another operation than the body does. */
  GW_SOAP_ACTION: { status: 500, faultcode: 'Client' },
  /** A name that poisons servers written in JavaScript. */
  GW_SOAP_NAME: { status: 500, faultcode: 'Client' },
  /** Unclassified: not a POST. */
  GW_SOAP_METHOD: { status: 405, faultcode: 'Client' },
  /** Unclassified: neither a SOAP media type nor a SOAP envelope. */
  GW_SOAP_MEDIA_TYPE: { status: 415, faultcode: 'Client' },
  /** Unclassified: XML, but no envelope. */
  GW_SOAP_NOT_AN_ENVELOPE: { status: 500, faultcode: 'Client' },
  /** Unclassified: an empty Body that stands for no operation, or for several. */
  GW_SOAP_EMPTY_BODY: { status: 500, faultcode: 'Client' },
  /** What a bridged operation was sent does not fit its schema, or what its REST service takes. */
  GW_BRIDGE_INPUT: { status: 500, faultcode: 'Client' },
  /** A header block that must be understood, and that the bridge does not. */
  GW_BRIDGE_HEADER: { status: 500, faultcode: 'MustUnderstand' },
} as const;

export type SoapCode = keyof typeof SOAP_CODES;

/** A message that is not passed on, as it is reported to its sender. */
export interface Refusal {
  readonly because: SoapCode;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly faultcode: FaultCode;
  /** A sentence for the sender: what is wrong, where, and what would be right. */
  readonly reason: string;
}

// A parser's message may quote a name of any length.
const REASON_CHARACTERS = 300;

/** Makes the refusal that `because` stands for. `reason` is cut to a length that fits a fault. */
export function refuse(because: SoapCode, reason: string): Refusal {
  const { status, faultcode } = SOAP_CODES[because];
  const short = reason.length > REASON_CHARACTERS ? `${reason.slice(0, REASON_CHARACTERS)}…` : reason;
  return { because, status, faultcode, reason: short };
}
