/** For whom a route's stage counts: how callers are told apart, who is moved in any case, whose entity it is, and what is compared. */
import { compileRegex, type Program } from '../core/automaton.ts';
import { parseRegex } from '../core/regex.ts';
import { NC_NAME } from '../core/soap/lexical.ts';
import { parsePercent, type Stage } from '../core/stage.ts';
import type { Key, Match, Route, When } from '../core/table.ts';
import { parseDuration, parseSize } from '../core/unit.ts';
import type { Path } from './document.ts';
import { nearest, type Report } from './problem.ts';
import { MOST_MS } from './upstream.ts';
import type { FileRoute } from './shape.ts';

type Audience = Pick<Route, 'sticky' | 'cohort' | 'when' | 'owner' | 'exclusive' | 'sample' | 'budget'>;

interface Known {
  readonly match: Match;
  readonly stage: Stage;
  readonly effect: Route['effect'];
}

/** Of routes that name none: so that a caller whose writes go to new does not find their reads at legacy. */
const COHORT = 'default';
/** A second question must not keep a caller's connection pool busy for longer, nor memory beyond this. */
const BUDGET = { ms: 5_000, bytes: 1024 * 1024 };
/** A comparison takes no larger body (docs/parity.md). */
const MOST_BYTES = 10 * 1024 * 1024;

/** Everything that is wrong with it is reported. */
export function audienceOf(id: string, entry: FileRoute, known: Known, report: Report): Audience {
  const at = (...path: Path): Path => ['routes', id, ...path];
  const { stage, match } = known;
  const exclusive = entry.exclusive ?? false;
  if (exclusive && stage.kind === 'canary')
    report(at('stage'), 'an exclusive route cannot be a canary: both sides must not do this at once, so legacy or new');
  const params = match.kind === 'rest' ? match.path.flatMap((part) => (part.kind === 'param' ? [part.name] : [])) : [];
  const sticky = (entry.sticky ?? ['ip']).map((text, index) => {
    const key = keyOf(text);
    if (key.kind === 'param') checkParam(key.name, params, (because) => report(at('sticky', index), because));
    if (key.kind === 'soap') checkSoap(key.path, match, (because) => report(at('sticky', index), because));
    return key;
  });
  const { budget, sample } = entry.parity ?? {};
  const ms = budget?.time === undefined ? BUDGET.ms : (parseDuration(budget.time) ?? BUDGET.ms);
  if (ms < 1 || ms > MOST_MS) report(at('parity', 'budget', 'time'), 'expected from 1ms to 1d');
  const bytes = parseSize(budget?.size ?? '') ?? BUDGET.bytes;
  if (bytes > MOST_BYTES) report(at('parity', 'budget', 'size'), 'expected at most 10MiB: no larger body is compared');
  return {
    sticky,
    cohort: entry.cohort ?? COHORT,
    when: whenOf(entry.when),
    owner: ownerOf(entry, params, (path, because) => report(at(...path), because)),
    exclusive,
    // A second question is load on the other side: nobody is asked it whom the file does not name.
    sample: parsePercent(sample ?? '') ?? 0,
    budget: { ms, bytes },
  };
}

function keyOf(text: string): Key {
  const colon = text.indexOf(':');
  const [kind, rest] = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  switch (kind) {
    case 'header':
      return { kind, name: rest.toLowerCase() };
    case 'cookie':
    case 'param':
      return { kind, name: rest };
    case 'claim':
      return { kind, path: rest.split('.') };
    case 'soap':
      return { kind, path: rest.slice(1).split('/') };
    default:
      return { kind: 'ip' }; // The schema lets nothing else in.
  }
}

function whenOf(when: FileRoute['when']): When | null {
  if (when === undefined) return null;
  const headers = Object.entries(when.header ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  const cookies = Object.entries(when.cookie ?? {});
  // What asks for nothing would be met by everybody.
  return headers.length + cookies.length === 0 ? null : { headers, cookies };
}

function ownerOf(
  { owner }: FileRoute,
  params: readonly string[],
  report: (path: Path, because: string) => void,
): Route['owner'] {
  if (owner === undefined) return null;
  checkParam(owner.param, params, (because) => report(['owner', 'param'], because));
  const regex = parseRegex(owner.legacy);
  if ('error' in regex) report(['owner', 'legacy'], `is no regular expression that can be used here: ${regex.error}`);
  const program: Program | null = 'error' in regex ? null : compileRegex(regex);
  if (program === null) {
    if (!('error' in regex)) report(['owner', 'legacy'], 'is too large a regular expression');
    return null;
  }
  return { param: owner.param, legacy: program };
}

function checkSoap(path: readonly string[], match: Match, report: (because: string) => void): void {
  if (match.kind !== 'soap') report('an element of a message: only a SOAP route has one');
  else if (path.some((step) => !NC_NAME.test(step)))
    report("expected local names from the operation's element on, such as soap:/GetOrder/customerId");
}

function checkParam(name: string, params: readonly string[], report: (because: string) => void): void {
  if (!params.includes(name)) report(`"${name}" is not a parameter of "match"${nearest(name, params)}`);
}
