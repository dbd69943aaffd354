/**
 * How much of a SOAP message the facade is willing to look at. Every bound exists because the work or the memory behind it
 * would otherwise be chosen by the sender.
 */

export interface Limits {
  /** Characters of XML (and bytes of MIME before the root part) by which the operation must be known. */
  readonly headCharacters: number;
  /** Open elements at once. */
  readonly depth: number;
  /** Attributes of one element, namespace declarations counted. */
  readonly attributes: number;
  /** Characters of one start tag with its attributes. */
  readonly tagCharacters: number;
  /** Bytes of the body as it came. */
  readonly bodyBytes: number;
  /** Bytes of the body once its Content-Encoding is undone. */
  readonly inflatedBytes: number;
  /** Bytes of a message to a bridged operation, once its Content-Encoding is undone: it is decoded in one go. */
  readonly bridgedBytes: number;
  /** With `check: whole`, bodies up to this many bytes are checked to their end before anything is sent. */
  readonly wholeBytes: number;
}

export const LIMITS: Limits = {
  // A signed and encrypted WS-Security header of a real stack is 20 to 60 KiB; four times that, and no more than a burst of reads.
  headCharacters: 256 * 1024,
  // Deeper than any schema that people write by hand; shallow enough for the recursive parsers that stand behind.
  depth: 256,
  // The largest real elements (generated namespace lists at the root) have about a hundred.
  attributes: 256,
  // As much as may precede the operation. A value made of line breaks costs the parser forty times its size in memory.
  tagCharacters: 256 * 1024,
  // What SOAP servers accept by default lies between 2 and 20 MiB; bigger attachments are configured, not assumed.
  bodyBytes: 10 * 1024 * 1024,
  // The same, so that compressing a message does not smuggle a bigger one in.
  inflatedBytes: 10 * 1024 * 1024,
  // Decoding 2 MiB takes about a tenth of a second, in which nobody else is served; REST servers take 1 MiB of JSON by default.
  bridgedBytes: 2 * 1024 * 1024,
  // Nine in ten calls are smaller. They arrive in one or two reads, so holding them costs no latency, and they can be shadowed.
  wholeBytes: 16 * 1024,
};

/** Bytes of one MIME part's head. Real ones are under 1 KiB. */
export const PART_HEAD_BYTES: number = 16 * 1024;

/** Characters of one `wsa:Action`. An action is a URI; longer ones are not compared with anything we know. */
export const ACTION_CHARACTERS: number = 4 * 1024;
