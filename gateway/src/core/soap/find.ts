/**
 * What stands where in a message, by its schema: the field that a path of names leads to, and the values that nothing has taken.
 * A type may hold itself; whoever walks remembers where they have been.
 */
import type { Step } from '../path.ts';
import type { Complex, Field, Shape, Type } from './type.ts';

/** A field, and the type that it is a part of; null: it is the element itself. */
export interface Found {
  readonly field: Field;
  readonly within: Complex | null;
  /** Whether the place is of all its values, or of one by its index. */
  readonly list: boolean;
}

/** Follows names and indexes from an element; null when they lead nowhere. No steps: the element itself. */
export function fieldAt(shape: Shape, steps: readonly Step[]): Found | null {
  let found: Found = { field: shape, within: null, list: false };
  for (const step of steps) {
    if (typeof step === 'number') {
      if (!found.list) return null;
      found = { ...found, list: false };
      continue;
    }
    const { type } = found.field;
    if (found.list || type.kind !== 'complex') return null;
    const field = type.fields.find(({ key }) => key === step);
    if (field === undefined) return null;
    found = { field, within: type, list: isMany(field) };
  }
  return found;
}

/** Whether its values are a JSON list. */
function isMany({ max, type }: Field): boolean {
  return max > 1 || (type.kind === 'simple' && type.variety === 'list');
}

/** The fields of an element that has any; none of a simple one. */
export function fieldsOf(shape: Shape | null): readonly Field[] {
  return shape !== null && shape.type.kind === 'complex' ? shape.type.fields : [];
}

/**
 * What of an element no path takes, as dotted names: the topmost things of which nothing is taken, and the values of things of
 * which only a part is.
 */
export function untaken(shape: Shape, taken: readonly (readonly Step[])[]): readonly string[] {
  const left: string[] = [];
  const walk = (type: Type, path: readonly string[], seen: readonly Type[]): void => {
    if (type.kind !== 'complex' || seen.includes(type)) return;
    for (const field of type.fields) {
      const here = [...path, field.key];
      if (field.fixed !== null || taken.some((one) => leads(one, here))) continue;
      if (!taken.some((one) => leads(here, one))) left.push(here.join('.'));
      else walk(field.type, here, [...seen, type]);
    }
  };
  if (!taken.some((one) => one.length === 0)) walk(shape.type, [], []);
  return left;
}

/** Whether `path` is `start` or below it; indexes do not count. */
function leads(start: readonly Step[], path: readonly Step[]): boolean {
  const names = start.filter((step) => typeof step === 'string');
  const below = path.filter((step) => typeof step === 'string');
  return names.length <= below.length && names.every((name, index) => below[index] === name);
}
