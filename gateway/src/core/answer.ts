/**
 * An answer as the comparator takes it, and its body lifted to a tree. The shell has read the bytes and decoded them by their
 * charset; from here on there is only text.
 *
 * The lift of text is the tree `{ line: [...] }` with lines counted from 1, so that text is compared as everything else is.
 */
import type { Json } from './json.ts';
import { formOf, parseMedia, type Form } from './media.ts';
import { parseJson } from './parse.ts';

/** A body after decoding. */
export type Body =
  /** No body, or one of no bytes: the same for the comparator. */
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly sha256: string; readonly bytes: number }
  /** Bytes that its encoding or charset cannot hold; `because` says why. */
  | { readonly kind: 'broken'; readonly because: string }
  /** More bytes than the limit; what there was has been thrown away. */
  | { readonly kind: 'large' };

export interface Answer {
  readonly status: number;
  /** As they came, repeated ones too; names in any case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Body;
  /** The side's own address, `http://127.0.0.1:8081`: what a Location is relieved of. */
  readonly origin: string;
}

/** A body as a tree, or why there is none. */
export type Lifted =
  | { readonly kind: 'none' }
  /** `base` is the number of a list's first element, 1 for lines of text. */
  | { readonly kind: 'tree'; readonly form: Form; readonly root: Json; readonly base: 0 | 1 }
  | { readonly kind: 'broken'; readonly because: string }
  /** Beyond what may be spent on it. */
  | { readonly kind: 'beyond' };

/** The values of a header, joined as RFC 9110 allows; null when there is none. `name` in lower case. */
export function headerOf(answer: Answer, name: string): string | null {
  const values = answer.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value.trim());
  return values.length === 0 ? null : values.join(', ');
}

/** @param spent whether time is over; asked now and then */
export function lift(answer: Answer, spent: () => boolean): Lifted {
  const { body } = answer;
  switch (body.kind) {
    case 'none':
      return { kind: 'none' };
    case 'broken':
      return { kind: 'broken', because: body.because };
    case 'large':
      return { kind: 'beyond' };
    case 'binary':
      return { kind: 'tree', form: 'binary', root: `sha256:${body.sha256} (${body.bytes} bytes)`, base: 0 };
    case 'text':
      return liftText(body.text, formOf(parseMedia(headerOf(answer, 'content-type') ?? '')), spent);
  }
}

/** XML is compared line by line, as text is, until it has a lift of its own. */
function liftText(text: string, form: Form, spent: () => boolean): Lifted {
  if (form !== 'json') return { kind: 'tree', form: 'text', root: new Map([['line', linesOf(text)]]), base: 1 };
  const parsed = parseJson(text, spent);
  switch (parsed.kind) {
    case 'parsed':
      return { kind: 'tree', form, root: parsed.value, base: 0 };
    case 'invalid':
      return { kind: 'broken', because: parsed.because };
    case 'beyond':
      return { kind: 'beyond' };
  }
}

/** CRLF and LF are the same, and so are a text with and without a line end at its end. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
