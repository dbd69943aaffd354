/**
 * Watermarks and fences. A **watermark** says how far a source has come; a **fence** is the watermark that a caller must not
 * read behind. On the wire a fence is `<model>=<source>.<epoch>.<position>[,…]` (docs: contract of the gateway), opaque to
 * clients, and a fence of another epoch is void: it can no longer say anything about this stream.
 */
import { formatLsn, parseLsn, type Lsn } from './lsn.ts';

/** How far a source has come. `epoch` is `<system identifier>.<timeline>.<incarnation>` of the source's cluster and stream. */
export interface Watermark {
  readonly source: string;
  readonly epoch: string;
  readonly lsn: Lsn;
}

/** What a caller of `model` must not read behind. */
export interface Fence {
  readonly model: string;
  readonly at: Watermark;
}

/** The JSON form of a watermark: `{"source":"legacy","epoch":"7…","lsn":"0/1A2B3C8"}`. */
export interface WatermarkJson {
  readonly source: string;
  readonly epoch: string;
  readonly lsn: string;
}

/** A record of the topic `<prefix>.watermarks`: a model has applied `lsn` once its own next offsets have reached `ends`. */
export interface WatermarkRecord extends WatermarkJson {
  /** Next offset to be written, by `topic-partition`; decimal text, since offsets are 64-bit. */
  readonly ends: Readonly<Record<string, string>>;
  /**
   * Present on the first watermark after a snapshot that began an incarnation: rows of the named tables (`schema.table`) whose
   * position has a smaller incarnation were deleted while nobody watched, and must go.
   */
  readonly swept?: { readonly incarnation: number; readonly tables: readonly string[] };
}

/** @returns null when `value` is not the JSON form of a watermark */
export function readWatermark(value: unknown): Watermark | null {
  if (typeof value !== 'object' || value === null) return null;
  const { source, epoch, lsn } = value as Partial<Record<string, unknown>>;
  if (typeof source !== 'string' || typeof epoch !== 'string' || typeof lsn !== 'string') return null;
  const at = parseLsn(lsn);
  return at === null || source === '' || epoch === '' ? null : { source, epoch, lsn: at };
}

/** The inverse of {@link readWatermark}. */
export function writeWatermark(watermark: Watermark): WatermarkJson {
  return { source: watermark.source, epoch: watermark.epoch, lsn: formatLsn(watermark.lsn) };
}

const MAX_FENCE_CHARACTERS = 2048; // A header of a handful of models; longer ones are forged.
const FENCE = /^([a-zA-Z0-9_-]{1,64})=([a-zA-Z0-9_-]{1,64})\.([0-9.]{1,64})\.([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/;

/** Reads `orders=legacy.7301.1.1.0/1A2B3C8,…`. What is not well-formed is left out: a forged fence does no harm. */
export function parseFences(text: string): readonly Fence[] {
  if (text.length > MAX_FENCE_CHARACTERS) return [];
  return text.split(',').flatMap((part) => {
    const [, model, source, epoch, position] = FENCE.exec(part.trim()) ?? [];
    if (model === undefined || source === undefined || epoch === undefined || position === undefined) return [];
    const lsn = parseLsn(position);
    return lsn === null ? [] : [{ model, at: { source, epoch, lsn } }];
  });
}

/** The inverse of {@link parseFences}. */
export function formatFences(fences: readonly Fence[]): string {
  return fences.map(({ model, at }) => `${model}=${at.source}.${at.epoch}.${formatLsn(at.lsn)}`).join(',');
}

/**
 * Whether a model that has applied `applied` may answer a caller who holds `fence`. A fence of an epoch that the source has
 * left is void, and holds nobody up; one of a source that the model does not follow can never be met.
 */
export function covers(applied: readonly Watermark[], fence: Watermark): boolean {
  const own = applied.find((watermark) => watermark.source === fence.source);
  if (own === undefined) return false;
  return own.epoch !== fence.epoch || own.lsn >= fence.lsn;
}
