/**
 * The attributes that a complex type has: its own, those of its attribute groups, and those that it inherits.
 */
import { clark, type Name } from './scope.ts';
import type { Component, Schemas } from './schema.ts';
import { lookUp, MAX_NESTING, partsOf, referred, unusable, type SimpleTypes } from './simple.ts';
import type { Field, Simple } from './type.ts';

/** Of one shape: a hundred groups of which each refers to the next one twice would be 2^100. */
const MAX_ATTRIBUTES = 200_000;

type Place = Pick<Component, 'element' | 'origin'>;

export class AttributeUses {
  readonly #schemas: Schemas;
  readonly #simple: SimpleTypes;
  #seen = 0;

  constructor(schemas: Schemas, simple: SimpleTypes) {
    this.#schemas = schemas;
    this.#simple = simple;
  }

  /** Those of a type or derivation step, over the `inherited` ones. Wildcards are left out: nothing is written for them. */
  of(at: Place, inherited: readonly Field[]): readonly Field[] {
    const uses = new Map(inherited.map((field) => [clark(field.name.namespace, field.name.local), field]));
    this.#gather(at, uses, 0);
    return [...uses.values()];
  }

  #gather(at: Place, uses: Map<string, Field>, depth: number): void {
    if (depth > MAX_NESTING) unusable(at, 'an attributeGroup that contains itself');
    for (const element of partsOf(at.element, at.origin)) {
      this.#seen += 1;
      if (this.#seen > MAX_ATTRIBUTES) unusable(at, `more than ${MAX_ATTRIBUTES} attributes, all groups written out`);
      const here = { element, origin: at.origin };
      if (element.local === 'attribute') this.#use(here, uses);
      else if (element.local === 'attributeGroup') {
        const name = referred(here, 'ref') ?? unusable(here, 'an attributeGroup without a ref');
        this.#gather(lookUp(this.#schemas, 'attributeGroups', { name, at: here }), uses, depth + 1);
      }
    }
  }

  #use(at: Place, uses: Map<string, Field>): void {
    const { attributes } = at.element;
    const ref = referred(at, 'ref');
    const declared = ref === null ? at : lookUp(this.#schemas, 'attributes', { name: ref, at });
    const name = ref ?? localName(at);
    const key = clark(name.namespace, name.local);
    if (attributes.get('use') === 'prohibited') return void uses.delete(key);
    const own = declared.element.attributes;
    uses.set(key, {
      key: `@${name.local}`,
      name,
      place: 'attribute',
      min: attributes.get('use') === 'required' ? 1 : 0,
      max: 1,
      nillable: false,
      fixed: attributes.get('fixed') ?? own.get('fixed') ?? null,
      default: attributes.get('default') ?? own.get('default') ?? null,
      type: this.#typeOf(declared),
    });
  }

  #typeOf(at: Place): Simple {
    const name = referred(at, 'type');
    if (name !== null)
      return (
        this.#simple.named(name, at) ?? unusable(at, `the type ${name.local} of an attribute is not a simple type`)
      );
    const inner = partsOf(at.element, at.origin).find(({ local }) => local === 'simpleType');
    if (inner !== undefined) return this.#simple.define({ element: inner, origin: at.origin }, null);
    return this.#simple.builtIn('anySimpleType') ?? unusable(at, 'an attribute without a type');
  }
}

function localName(at: Place): Name {
  const { attributes } = at.element;
  const local = attributes.get('name') ?? unusable(at, 'an attribute without a name');
  const form = attributes.get('form') ?? (at.origin.qualifiedAttributes ? 'qualified' : 'unqualified');
  return { namespace: form === 'qualified' ? at.origin.namespace : '', local };
}
