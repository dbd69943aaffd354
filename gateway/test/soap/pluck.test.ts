import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pluck } from '@banyan/gateway/core/soap/pluck';
import { envelope } from './samples.ts';

const PATH = ['GetOrder', 'customer', 'id'];
const message = (inside: string): string => envelope(`<o:GetOrder xmlns:o="urn:o">${inside}</o:GetOrder>`);

describe('the text of an element', () => {
  test.each([
    ['is found by local names', '<o:customer><x/><o:id>C-7</o:id></o:customer>', 'C-7'],
    ['has no white space around it', '<customer>\n<id> C 7\n</id></customer>', 'C 7'],
    [
      'is what references and CDATA stand for',
      '<customer><id>C&amp;<![CDATA[<7>]]>&#x21;<!-- no --></id></customer>',
      'C&<7>!',
    ],
    [
      'is the first of several',
      '<customer/><customer><id>1</id><id>2</id></customer><customer><id>3</id></customer>',
      '1',
    ],
    ['is empty where the element is', '<customer><id/></customer>', ''],
  ])('%s', (_what, inside, text) => {
    expect(pluck(message(inside), PATH)).toBe(text);
  });

  test.each([
    ['the element is not there', '<customer><other>1</other></customer>'],
    ['it holds elements', '<customer><id>1<a/></id></customer>'],
    ['it is deeper', '<a><customer><id>1</id></customer></a>'],
    ['a step is missing', '<id>1</id>'],
    ['a step comes between', '<customer><a><id>1</id></a></customer>'],
    ['its steps are in two elements', '<customer/><a><id>1</id></a>'],
  ])('is null where %s', (_what, inside) => {
    expect(pluck(message(inside), PATH)).toBeNull();
  });

  test('is not looked for in the header, nor in an element that looks like the body', () => {
    const header =
      '<s:Header><s:Body><GetOrder><customer><id>9</id></customer></GetOrder></s:Body><GetOrder><customer><id>8</id></customer></GetOrder></s:Header>';
    const text = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">${header}<s:Body><GetOrder><customer><id>1</id></customer></GetOrder></s:Body></s:Envelope>`;
    expect(pluck(text, PATH)).toBe('1');
  });

  test('is the same whatever the XML declaration', () => {
    const text = message('<customer><id>1</id></customer>').replace(/^<\?xml[^>]*\?>/, '');
    for (const before of [
      '',
      '<?xml version="1.0"?>',
      "<?xml version='1.0'  encoding='UTF-8' standalone = 'yes' ?>\n<!-- < -->",
      '\ufeff',
    ])
      expect(pluck(before + text, PATH)).toBe('1');
  });

  test('of the operation itself is found too', () => {
    expect(pluck(envelope('<Get>7</Get>'), ['Get'])).toBe('7');
    expect(pluck(envelope('<Other>7</Other>'), ['Get'])).toBeNull();
  });

  test('comes back from whatever tree it stands in', () => {
    const noise = fc
      .array(fc.constantFrom('<a/>', '<customer/>', '<a><customer><id>0</id></customer></a>', 'text', '<id>0</id>'), {
        maxLength: 5,
      })
      .map((parts) => parts.join(''));
    const key = fc.stringMatching(/^[A-Z0-9-]{1,9}$/);
    fc.assert(
      fc.property(noise, noise, key, (before, inside, value) => {
        const within = inside.replaceAll('<id>0</id>', '<other/>');
        expect(pluck(message(`${before}<customer>${within}<id>${value}</id></customer>`), PATH)).toBe(value);
      }),
    );
  });
});
