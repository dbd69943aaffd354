/**
 * A SOAP operation that a REST service serves: what the file declares of it (`config.ts`) becomes a plan that is proven against
 * the WSDL's schema at load (`planBridge`): each value of the input goes somewhere, each element that the answer needs has a
 * source, each fault exists, names and types fit. What is in force cannot be half a bridge.
 *
 *     message ─decode─▶ input ─requestOf─▶ REST request            (`request.ts`)
 *     envelope or fault ◀─encode─ output ◀─answerOf─ REST answer   (`outcome.ts`)
 */
import { planAnswer, type AnswerPlan } from './outcome.ts';
import { planRequest, type RequestPlan } from './request.ts';
import type { BridgeConfig, BridgeProblem, Encoding } from './config.ts';
import { Mappers } from './mapper.ts';
import type { Name } from './scope.ts';
import type { Operation } from './service.ts';

/** The codec of a global element, or why there can be none. */
export type Codecs<C extends Encoding> = (
  element: Name,
) => { readonly kind: 'codec'; readonly codec: C } | { readonly kind: 'unusable'; readonly because: string };

/** A bridge that has been proven. */
export interface Bridge<C extends Encoding = Encoding> {
  readonly operation: Operation;
  /** Reads the input; null: the operation's body is empty. */
  readonly input: C | null;
  readonly request: RequestPlan;
  readonly answer: AnswerPlan<C>;
  readonly mappers: Mappers;
}

export type Planned<C extends Encoding> =
  | { readonly kind: 'bridge'; readonly bridge: Bridge<C> }
  | { readonly kind: 'problems'; readonly problems: readonly BridgeProblem[] };

/** Proves a bridge; everything that is wrong with it is told at once. */
export function planBridge<C extends Encoding>(
  config: BridgeConfig,
  operation: Operation,
  codecs: Codecs<C>,
): Planned<C> {
  const problems: BridgeProblem[] = [];
  const report = (at: readonly string[], what: string): void => void problems.push({ at, what });
  if (operation.style === 'rpc') {
    report(
      ['rest'],
      `${operation.name} is of rpc style: only operations of document style, whose elements the schema declares, can be bridged`,
    );
    return { kind: 'problems', problems };
  }
  const codecOf = (element: Name | null, what: string, at: readonly string[]): C | null => {
    if (element === null) return null;
    const found = codecs(element);
    if (found.kind === 'codec') return found.codec;
    report(at, `the ${what} of ${operation.name} cannot be bridged: ${found.because}`);
    return null;
  };
  const input = codecOf(operation.input, 'input', ['rest']);
  const output = operation.oneWay ? null : codecOf(operation.output, 'output', ['rest']);
  const faults = new Map<string, C>();
  for (const { name, element } of operation.faults) {
    const used = [...config.faults].find(([, { detail }]) => detail === name || detail === element.local);
    const codec = used === undefined ? null : codecOf(element, `fault ${name}`, ['faults', String(used[0])]);
    if (codec !== null) for (const key of [element.local, name]) faults.set(key, codec);
  }
  // Without all of the shapes, everything that follows would be wrong of itself.
  if (problems.length > 0) return { kind: 'problems', problems };
  const roots = [input, output, ...new Set(faults.values())].flatMap((codec) => (codec === null ? [] : [codec.shape]));
  const mappers = new Mappers(config, roots);
  for (const { of, key, because } of mappers.problems) report([of, key], because);
  const request = planRequest(config, input?.shape ?? null, mappers, report);
  const answer = planAnswer(config, { operation, input: input?.shape ?? null, output, faults, mappers }, report);
  if (problems.length > 0) return { kind: 'problems', problems };
  return { kind: 'bridge', bridge: { operation, input, request, answer, mappers } };
}
