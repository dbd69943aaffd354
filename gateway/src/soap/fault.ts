/**
 * The facade's own faults as HTTP answers. HTTP 500, on which alone every client looks for a fault, unless the message could not be
 * read at all and HTTP has a word for why.
 */
import { contentTypeOf, faultText, type FaultText } from '../core/soap/fault.ts';
import type { Version } from '../core/soap/refusal.ts';
import type { Refused } from './passage.ts';

export interface FaultAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * @param fault.gw the stable code: the text of the one element in the fault's detail
 * @param status default 500, as SOAP's HTTP binding has it
 */
export function faultOf(version: Version, fault: FaultText, status: number = 500): FaultAnswer {
  return { status, contentType: contentTypeOf(version), body: Buffer.from(faultText(version, fault)) };
}

/** The answer to a message that is refused. */
export function faultFor(refused: Refused): FaultAnswer {
  const { version, faultcode: code, reason, because: gw, status } = refused;
  return faultOf(version, { code, reason, gw }, status);
}
