/**
 * Metrics as data, so that several processes can be told as one: families of samples, merged, and written in Prometheus' text
 * format 0.0.4. A histogram's cumulative buckets are samples like any other, and add up like any other.
 *
 * Pure: what was measured, and when, is the caller's business.
 */

/**
 * How the samples of several processes become one: added; the largest; the smallest; or not at all, because each is of one
 * process and its labels say of which.
 */
export type Across = 'sum' | 'max' | 'min' | 'own';

/** `labels` as they stand between the braces, values escaped; empty for none. */
export type Sample = readonly [name: string, labels: string, value: number];

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly across: Across;
  readonly samples: readonly Sample[];
}

/** Labels as text. Values come from a file or from a caller: what would end the string is escaped. */
export function labelsOf(labels: readonly (readonly [name: string, value: string | number])[]): string {
  return labels.map(([name, value]) => `${name}="${escaped(String(value))}"`).join(',');
}

function escaped(value: string): string {
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

/** One list of families for the reports of several processes; families and samples stay in the order of their first sight. */
export function merge(reports: readonly (readonly Family[])[]): readonly Family[] {
  const families = new Map<string, { family: Family; samples: Map<string, Sample> }>();
  for (const family of reports.flat()) {
    const known = families.get(family.name);
    if (known === undefined) {
      families.set(family.name, { family, samples: new Map(family.samples.map((sample) => [keyOf(sample), sample])) });
      continue;
    }
    for (const sample of family.samples) {
      const key = keyOf(sample);
      const before = known.samples.get(key);
      const [name, labels, value] = sample;
      known.samples.set(key, before === undefined ? sample : [name, labels, joined(family.across, before[2], value)]);
    }
  }
  return [...families.values()].map(({ family, samples }) => ({ ...family, samples: [...samples.values()] }));
}

const keyOf = ([name, labels]: Sample): string => `${name}{${labels}}`;

function joined(across: Across, one: number, other: number): number {
  switch (across) {
    case 'sum':
      return one + other;
    case 'max':
      return Math.max(one, other);
    case 'min':
      return Math.min(one, other);
    case 'own':
      return other;
    default:
      return across satisfies never;
  }
}

/** What of a report must be kept once its process is gone, or silent: its counts. Without them the sums would fall. */
export function lasting(report: readonly Family[]): readonly Family[] {
  return report.filter(({ type, across }) => across === 'sum' && type !== 'gauge');
}

/** What of a report may be told beside that of the process which takes its place. */
export function shared(report: readonly Family[]): readonly Family[] {
  return report.filter(({ across }) => across !== 'own');
}

/** Prometheus' text format 0.0.4. */
export function textOf(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${name} ${help.replaceAll('\n', ' ')}`, `# TYPE ${name} ${type}`);
    for (const [sample, labels, value] of samples)
      lines.push(`${labels === '' ? sample : `${sample}{${labels}}`} ${number(value)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Prometheus' words for what JavaScript writes as `Infinity` and `NaN`. */
function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}
