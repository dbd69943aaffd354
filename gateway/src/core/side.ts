/** The two who can answer: `legacy` is the file's `default`, whatever its name; `new` is a route's `new:`. */
export type Side = 'legacy' | 'new';
