import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { readRouting } from '@banyan/gateway/routing';
import { jsonSchema } from '@banyan/gateway/routing/schema';
import { EXAMPLE, small } from './example.ts';

const read = (name: string): Promise<string> => readFile(new URL(`../../../${name}`, import.meta.url), 'utf8');

interface Validator {
  compile(schema: object): ((value: unknown) => boolean) & { errors?: readonly unknown[] | null };
}

/** Fastify's own JSON Schema validator: the schema is for editors, and an independent reader says what they will. */
function ajv(): Validator {
  const fastify = createRequire(createRequire(import.meta.url).resolve('fastify'));
  const { default: Ajv } = fastify('ajv/dist/2020') as { default: new (options: object) => Validator };
  return new Ajv({ allErrors: true, strict: false, logger: false });
}

describe('the published JSON Schema', () => {
  test('is the one that the code makes: "banyan schema" was run after the last change', async () => {
    expect(JSON.parse(await read('gateway/routing.schema.json'))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
  });

  test('takes the committed routing.yaml and the example with every key', async () => {
    const validate = ajv().compile(jsonSchema());
    const committed: unknown = parse((await read('routing.yaml')).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'));
    expect([validate(committed), validate.errors]).toEqual([true, null]);
    expect([validate(parse(EXAMPLE)), validate.errors]).toEqual([true, null]);
    expect(validate(parse(small('  b: { match: GET /b, stage: lgacy }\n')))).toBe(false);
    expect(validate(parse(`${small()}routs: {}\n`))).toBe(false);
  });
});

describe('the committed routing.yaml', () => {
  test('is valid, without a warning, with every route at legacy', async () => {
    const text = await read('routing.yaml');
    const loaded = readRouting(text, {}, '2026-11-24');
    expect(loaded).toMatchObject({ kind: 'accepted', warnings: [] });
    const table = loaded.kind === 'accepted' ? loaded.table : null;
    expect(new Set(table?.routes.map(({ stage }) => stage.kind))).toEqual(new Set(['legacy']));
    expect(table?.routes.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['order-get', 'order-create', 'order-book', 'soap-get-order']),
    );
  });

  test('names the schema that editors find beside the code', async () => {
    const [first = ''] = (await read('routing.yaml')).split('\n');
    expect(await read(first.replace('# yaml-language-server: $schema=', ''))).toContain('draft/2020-12');
  });
});
