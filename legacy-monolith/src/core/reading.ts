/** What came of reading something that a client wrote: the value, or a sentence about what is wrong with it. */
export type Reading<T> =
  { readonly kind: 'read'; readonly value: T } | { readonly kind: 'refused'; readonly because: string };
