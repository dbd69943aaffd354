/**
 * From the names and words of a schema to those of a REST service, and back: `rename:` and `values:` of a bridge, compiled along
 * the types of its messages. A type in which nothing is renamed or rewritten costs nothing: its values pass as they are.
 */
import { isList, isObject, type Json } from '../json.ts';
import { picked, type Wrong } from './pick.ts';
import { baseOf, conversionOf, type Conversion, type Written } from './words.ts';
import type { Complex, Field, Type } from './type.ts';

/** What the file declares. Keys of `rename` are `Type.field`; of `values` a simple type, a built-in one, or `Type.field`. */
export interface Rules {
  readonly rename: ReadonlyMap<string, readonly string[]>;
  readonly values: ReadonlyMap<string, Written>;
}

/** Maps the value of one field: a list where the field is one. */
export interface Mapper {
  /** @throws Unfit: the value cannot be said on the other side */
  toRest(value: Json): Json;
  /** @throws Unfit */
  fromRest(value: Json): Json;
}

/** A value that has no form on the other side. */
export class Unfit extends Error {
  readonly field: string;

  constructor(field: string) {
    super(`${field} cannot be converted`);
    this.name = 'Unfit';
    this.field = field;
  }
}

/** What is wrong with a rule: its key, under `rename` or `values`. */
export interface RuleProblem {
  readonly of: 'rename' | 'values';
  readonly key: string;
  readonly because: string;
}

interface Plan {
  readonly field: Field;
  /** Where it stands in the object of the REST side. */
  readonly path: readonly string[];
  readonly conversion: Conversion | null;
}

/** One member of an object that is mapped. */
interface Slot {
  readonly key: string;
  readonly path: readonly string[];
  /** The path, where it is one step. */
  readonly alone: string | null;
  readonly mapper: Mapper | null;
}

/** The mappings of one bridge. */
export class Mappers {
  readonly problems: RuleProblem[] = [];
  readonly #rules: Rules;
  /** What each complex type is called in rules. */
  readonly #scopes = new Map<Complex, Set<string>>();
  readonly #plans = new Map<Complex, readonly Plan[]>();
  /** Types in which something is renamed or rewritten, at whatever depth. */
  readonly #touched = new Set<Complex>();
  readonly #used = new Set<string>();

  /** @param roots the elements of the bridge's messages */
  constructor(rules: Rules, roots: readonly Field[]) {
    this.#rules = rules;
    for (const root of roots) this.#walk(root, true);
    for (const [type, scopes] of this.#scopes) this.#plans.set(type, this.#planOf(type, [...scopes]));
    this.#spread();
    this.#report();
  }

  /** The mapper of a field's values; null: they pass as they are. */
  of(field: Field, within: Complex | null): Mapper | null {
    const plan = within === null ? this.#alone(field) : this.#plans.get(within)?.find((one) => one.field === field);
    return plan === undefined ? null : this.#mapperOf(plan);
  }

  /** How a field is called on the REST side: one name, or several that lead down. */
  pathOf(field: Field, within: Complex): readonly string[] {
    return this.#plans.get(within)?.find((one) => one.field === field)?.path ?? [field.key];
  }

  #alone(field: Field): Plan {
    return { field, path: [field.key], conversion: this.#conversionOf(field, []) };
  }

  #walk(field: Field, root: boolean): void {
    const { type } = field;
    if (type.kind !== 'complex') return void this.#alone(field);
    const known = this.#scopes.get(type);
    const scopes = known ?? new Set<string>();
    if (type.name !== null) scopes.add(type.name.local);
    if (root || type.name === null) scopes.add(field.key);
    if (known !== undefined) return;
    this.#scopes.set(type, scopes);
    for (const inner of type.fields) this.#walk(inner, false);
  }

  #planOf(type: Complex, scopes: readonly string[]): readonly Plan[] {
    const plans = type.fields.map((field): Plan => {
      const keys = scopes.map((scope) => `${scope}.${field.key}`);
      const key = keys.find((one) => this.#rules.rename.has(one));
      const path = key === undefined ? undefined : this.#rules.rename.get(key);
      if (key !== undefined) this.#used.add(`rename ${key}`);
      return { field, path: path ?? [field.key], conversion: this.#conversionOf(field, keys) };
    });
    for (const one of plans) {
      const other = plans.find(
        (two) => two !== one && (startsWith(two.path, one.path) || startsWith(one.path, two.path)),
      );
      const key = scopes.map((scope) => `${scope}.${one.field.key}`).find((name) => this.#rules.rename.has(name));
      if (other !== undefined && key !== undefined)
        this.problems.push({
          of: 'rename',
          key,
          because: `"${other.field.key}" stands at ${other.path.join('.')} as well`,
        });
    }
    return plans;
  }

  /** The rule for a field: of the field itself, of its type, or of the built-in type below it. */
  #conversionOf({ type }: Field, keys: readonly string[]): Conversion | null {
    const { values } = this.#rules;
    if (type.kind !== 'simple') {
      for (const key of keys.filter((one) => values.has(one))) {
        this.#used.add(`values ${key}`);
        this.problems.push({ of: 'values', key, because: 'it holds elements, and is no value' });
      }
      return null;
    }
    const all = [...keys, ...(type.name === null ? [] : [type.name.local]), baseOf(type) ?? ''];
    const key = all.find((one) => values.has(one));
    const written = key === undefined ? undefined : values.get(key);
    if (key === undefined || written === undefined) return null;
    this.#used.add(`values ${key}`);
    const made: Conversion | Wrong = conversionOf(written, type);
    if (made.kind === 'conversion') return made;
    this.problems.push({ of: 'values', key, because: made.because });
    return null;
  }

  /** What contains something that is touched is touched. */
  #spread(): void {
    for (let grown = true; grown;) {
      grown = false;
      for (const [type, plans] of this.#plans) {
        if (this.#touched.has(type) || !plans.some((plan) => this.#touches(plan))) continue;
        this.#touched.add(type);
        grown = true;
      }
    }
  }

  #touches({ field, path, conversion }: Plan): boolean {
    if (conversion !== null || path.length !== 1 || path[0] !== field.key) return true;
    return field.type.kind === 'complex' && this.#touched.has(field.type);
  }

  #report(): void {
    for (const key of this.#rules.rename.keys())
      if (!this.#used.has(`rename ${key}`))
        this.problems.push({ of: 'rename', key, because: 'no message of the operation has this: expected Type.field' });
    for (const key of this.#rules.values.keys())
      if (!this.#used.has(`values ${key}`))
        this.problems.push({
          of: 'values',
          key,
          because: 'no message of the operation has this: expected a simple type, Type.field, or a built-in type',
        });
    // A type that stands in several places is found wrong in each.
    const each = new Map(this.problems.map((problem) => [`${problem.of} ${problem.key} ${problem.because}`, problem]));
    this.problems.splice(0, Infinity, ...each.values());
  }

  #mapperOf({ field, conversion }: Plan): Mapper | null {
    const one = this.#oneOf(field.type, field.key, conversion);
    if (one === null || field.max <= 1) return one;
    return {
      toRest: (value) => (isList(value) ? value.map((item) => one.toRest(item)) : one.toRest(value)),
      fromRest: (value) => (isList(value) ? value.map((item) => one.fromRest(item)) : one.fromRest(value)),
    };
  }

  #oneOf(type: Type, key: string, conversion: Conversion | null): Mapper | null {
    if (type.kind === 'complex') return this.#touched.has(type) ? this.#objectOf(type) : null;
    if (conversion === null) return null;
    const fit = (value: Json | undefined): Json => {
      if (value === undefined) throw new Unfit(key);
      return value;
    };
    return {
      toRest: (value) => (value === null ? null : fit(conversion.toRest(value))),
      fromRest: (value) => (value === null ? null : fit(conversion.fromRest(value))),
    };
  }

  readonly #objects = new Map<Complex, Mapper>();

  #objectOf(type: Complex): Mapper {
    const known = this.#objects.get(type);
    if (known !== undefined) return known;
    const plans: Slot[] = [];
    const byKey = new Map<string, Slot>();
    const mapper: Mapper = {
      toRest: (value) => {
        if (!isObject(value)) return value;
        const out = new Map<string, Json>();
        for (const [key, inner] of value) {
          const plan = byKey.get(key);
          put(out, plan?.path ?? [key], toRest(plan?.mapper ?? null, inner));
        }
        return out;
      },
      fromRest: (value) => {
        if (!isObject(value)) return value;
        const out = new Map<string, Json>();
        for (const plan of plans) {
          const inner = plan.alone === null ? picked(value, plan.path) : value.get(plan.alone);
          if (inner !== undefined) out.set(plan.key, fromRest(plan.mapper, inner));
        }
        return out;
      },
    };
    // Known before its fields are looked at: a type may hold itself.
    this.#objects.set(type, mapper);
    for (const plan of this.#plans.get(type) ?? [])
      plans.push({
        key: plan.field.key,
        path: plan.path,
        alone: plan.path.length === 1 ? (plan.path[0] ?? null) : null,
        mapper: this.#mapperOf(plan),
      });
    for (const plan of plans) byKey.set(plan.key, plan);
    return mapper;
  }
}

/** @throws Unfit */
export function toRest(mapper: Mapper | null, value: Json): Json {
  return mapper === null ? value : mapper.toRest(value);
}

/** @throws Unfit */
export function fromRest(mapper: Mapper | null, value: Json): Json {
  return mapper === null ? value : mapper.fromRest(value);
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((step, index) => path[index] === step);
}

/** Sets a value below an object, making the objects between; those are ours, never the caller's. */
export function put(object: Map<string, Json>, path: readonly string[], value: Json): void {
  let at = object;
  for (const step of path.slice(0, -1)) {
    const next = at.get(step);
    if (next instanceof Map) at = next as Map<string, Json>;
    else {
      const made = new Map<string, Json>();
      at.set(step, made);
      at = made;
    }
  }
  at.set(path.at(-1) ?? '', value);
}
