/** The head of a SOAP message: what of its fields says anything about it, and whether they alone rule it out. */
import type { Limits } from '../core/soap/limits.ts';
import { actionsOf, parseAction, parseMedia, type Action, type Media } from '../core/soap/media.ts';
import { refuse, type Refusal } from '../core/soap/refusal.ts';

/** What a head says. */
export interface Head {
  readonly media: Media | null;
  readonly encoding: string | null;
  /** From SOAPAction and Content-Type. */
  readonly actions: readonly string[];
  readonly refusal: Refusal | null;
}

/** Reads the fields of a request. */
export function readHead(rawHeaders: readonly string[], limits: Limits): Head {
  const read = fieldsIn(rawHeaders);
  const media = parseMedia(read.type ?? '');
  const action = read.action === null ? NO_ACTION : parseAction(read.action);
  const own = actionsOf(media);
  const actions = action.kind === 'action' ? [action.action, ...own] : own;
  return { media, encoding: read.encoding, actions, refusal: refusalOf(read, { action, media, limits }) };
}

/** The fields that are read. */
interface Read {
  type: string | null;
  encoding: string | null;
  length: string | null;
  action: string | null;
  /** The name of one that came twice. */
  twice: string | null;
}

const NO_ACTION: Action = { kind: 'none' };

/** Of what came twice, the last. */
function fieldsIn(rawHeaders: readonly string[]): Read {
  const read: Read = { type: null, encoding: null, length: null, action: null, twice: null };
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    // By their lengths most are told apart.
    const key = KEYS.get(name.length);
    if (key === undefined || name.toLowerCase() !== key.name) continue;
    if (read[key.as] !== null) read.twice ??= key.name;
    read[key.as] = rawHeaders[at + 1] ?? '';
  }
  return read;
}

const KEYS: ReadonlyMap<number, { readonly name: string; readonly as: Exclude<keyof Read, 'twice'> }> = new Map([
  [10, { name: 'soapaction', as: 'action' }],
  [12, { name: 'content-type', as: 'type' }],
  [14, { name: 'content-length', as: 'length' }],
  [16, { name: 'content-encoding', as: 'encoding' }],
]);

function refusalOf(
  { twice, length }: Read,
  { action, media, limits }: { readonly action: Action; readonly media: Media | null; readonly limits: Limits },
): Refusal | null {
  if (twice !== null) return refuse('GW_SOAP_HEADERS', `The header ${twice} came twice`);
  if (action.kind === 'several')
    return refuse('GW_SOAP_HEADERS', 'The header soapaction has several values, or a quote without its other half');
  if (media !== null && media.twice !== null)
    return refuse('GW_SOAP_HEADERS', `The Content-Type has the parameter ${media.twice} twice`);
  if (Number(length ?? '0') > limits.bodyBytes)
    return refuse('GW_SOAP_TOO_LARGE', `The body is larger than ${limits.bodyBytes} bytes`);
  return null;
}
