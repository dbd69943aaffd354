import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detect, type Charset } from '@banyan/gateway/core/soap/charset';
import { Decoder, decode } from '@banyan/gateway/soap/decode';
import { ask, settle } from './asking.ts';
import { envelope, getOrder, ORDERS } from './samples.ts';

const swapped = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const declared = (encoding: string): string =>
  `<?xml version="1.0" encoding="${encoding}"?>${envelope(getOrder.replace('42', 'Größe'))}`;
const type = (charset: string): Record<string, string> => ({ 'Content-Type': `text/xml; charset=${charset}` });
const plain = { 'Content-Type': 'text/xml' };

describe('the charset of a message', () => {
  test.each<[string, Record<string, string>, Buffer]>([
    ['UTF-8 when nothing says anything', plain, Buffer.from(envelope('<größe/>'))],
    ['UTF-8 by its BOM', plain, Buffer.from(`\ufeff${declared('utf-8')}`)],
    ['UTF-16LE by its BOM', plain, Buffer.from(`\ufeff${declared('UTF-16')}`, 'utf16le')],
    ['UTF-16BE by its BOM', plain, swapped(`\ufeff${declared('UTF-16')}`)],
    [
      'UTF-16 by its BOM, whatever the Content-Type says',
      type('utf-8'),
      Buffer.from(`\ufeff${declared('utf-8')}`, 'utf16le'),
    ],
    ['UTF-16 by the Content-Type, big-endian without a BOM', type('utf-16'), swapped(declared('utf-16'))],
    [
      'UTF-16 by the Content-Type, little-endian as it looks',
      type('"UTF-16"'),
      Buffer.from(declared('utf-16'), 'utf16le'),
    ],
    ['UTF-16LE by the Content-Type', type('utf-16le'), Buffer.from(declared('utf-16'), 'utf16le')],
    ['UTF-16 by its looks', plain, Buffer.from(declared('utf-16'), 'utf16le')],
    ['UTF-16BE by its looks', plain, swapped(declared('utf-16'))],
    ['ISO-8859-1 by the Content-Type', type('ISO-8859-1'), Buffer.from(declared('utf-8'), 'latin1')],
    ['ISO-8859-1 by the XML declaration', plain, Buffer.from(declared('ISO-8859-1'), 'latin1')],
    [
      'windows-1252 by the XML declaration, in single quotes',
      plain,
      Buffer.from(declared('x').replace('"x"', "'Windows-1252'"), 'latin1'),
    ],
    ['US-ASCII by the Content-Type', type('us-ascii'), Buffer.from(envelope(getOrder))],
    ['UTF-8 by the Content-Type, whatever the XML declaration says', type("'utf-8'"), Buffer.from(declared('utf-16'))],
    ['UTF-8 when the Content-Type leaves it empty', type(''), Buffer.from(declared('utf-8'))],
  ])('is %s', async (_what, headers, body) => {
    const { verdict, sent } = await settle({ headers, body });
    expect(verdict).toMatch(/^1\.1 /);
    expect(sent.equals(body)).toBe(true);
    const single = await settle({ headers, body: Array.from(body, (byte) => Buffer.from([byte])) });
    expect(single.verdict).toBe(verdict);
  });

  test('decides how a name is read', async () => {
    const body = Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?>${envelope('<größe/>')}`, 'latin1');
    expect(await ask({ headers: plain, body })).toMatchObject({ name: 'größe' });
    const czech = Buffer.from([0x8a]).toString('latin1');
    expect(
      await ask({ headers: type('windows-1252'), body: Buffer.from(envelope(`<${czech}/>`), 'latin1') }),
    ).toMatchObject({ name: 'Š' });
  });

  test.each<[string, Record<string, string>, Buffer]>([
    ['that is not on the list', type('utf-7'), Buffer.from(envelope(getOrder))],
    ['that is not on the list, in the XML declaration', plain, Buffer.from(declared('ISO-2022-JP'))],
    ['of EBCDIC in the XML declaration', plain, Buffer.from(declared('ebcdic-cp-us'))],
    ['of UTF-32 with a BOM', plain, Buffer.from([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0])],
    ['of UTF-32 without', plain, Buffer.from([0x3c, 0, 0, 0, 0x73, 0, 0, 0])],
    ['of big-endian UTF-32', plain, Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x3c])],
    ['UTF-8 that is not', plain, Buffer.from(envelope('<größe/>'), 'latin1')],
    ['UTF-8 with an overlong form', type('utf-8'), Buffer.concat([Buffer.from('<!--'), Buffer.from([0xc0, 0xbc])])],
    ['UTF-8 with a surrogate', type('utf-8'), Buffer.concat([Buffer.from('<!--'), Buffer.from([0xed, 0xa0, 0x80])])],
    [
      'UTF-8 that ends within a character',
      type('utf-8'),
      Buffer.concat([Buffer.from(envelope(getOrder)), Buffer.from([0xe2, 0x82])]),
    ],
    ['US-ASCII that is not', type('us-ascii'), Buffer.from(envelope('<größe/>'))],
    ['UTF-16 with half a surrogate pair', plain, Buffer.from(`\ufeff${envelope('<a>\ud83dx</a>')}`, 'utf16le')],
    [
      'UTF-16 with an odd byte',
      plain,
      Buffer.concat([Buffer.from(`\ufeff${envelope(getOrder)}`, 'utf16le'), Buffer.from([0x20])]),
    ],
    ['UTF-16 in a declaration that is read byte by byte', plain, Buffer.from(declared('utf-16'))],
  ])('is refused: %s', async (_what, headers, body) => {
    expect(await ask({ headers, body })).toMatchObject({ kind: 'refused', because: 'GW_SOAP_CHARSET', status: 415 });
    const single = Array.from(body, (byte) => Buffer.from([byte]));
    expect(await ask({ headers, body: single })).toMatchObject({ because: 'GW_SOAP_CHARSET' });
  });

  test('cannot hide a DOCTYPE', async () => {
    const body = Buffer.from(`\ufeff<!DOCTYPE x [<!ENTITY a "b">]>${envelope('<x>&a;</x>')}`, 'utf16le');
    expect(await ask({ headers: plain, body })).toMatchObject({ because: 'GW_SOAP_DOCTYPE' });
  });

  test('cannot hide the operation: UTF-16 that calls itself UTF-8 is no XML', async () => {
    const body = Buffer.from(envelope(getOrder), 'utf16le');
    expect(await ask({ headers: type('utf-8'), body })).toMatchObject({
      kind: 'refused',
      because: 'GW_SOAP_MALFORMED',
    });
    expect((await settle({ headers: plain, body })).verdict).toBe(`1.1 {${ORDERS}}GetOrder`);
  });
});

test('of two reasons the first in the message is told, however it arrives', async () => {
  const body = Buffer.concat([Buffer.from('<a>'), Buffer.from([0xc0, 0xbc])]);
  for (const chunks of [
    [body],
    [body.subarray(0, 3), body.subarray(3)],
    Array.from(body, (byte) => Buffer.from([byte])),
  ]) {
    expect((await settle({ headers: plain, body: chunks })).identified).toMatchObject({
      kind: 'unclassified',
      refused: { because: 'GW_SOAP_NOT_AN_ENVELOPE' },
    });
  }
});

describe('the first bytes', () => {
  test('are waited for until they decide', () => {
    const declaration = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?>');
    for (let length = 0; length < declaration.length - 1; length += 1) {
      expect(detect(declaration.subarray(0, length), null, false)).toEqual({ kind: 'more' });
    }
    expect(detect(declaration, null, false)).toEqual({ kind: 'charset', charset: 'iso-8859-1' });
  });

  test('are not waited for without end', () => {
    expect(detect(Buffer.from(`<?xml ${' '.repeat(600)}`), null, false)).toEqual({ kind: 'charset', charset: 'utf-8' });
  });
});

describe('decoding in chunks', () => {
  const encoders: Record<Charset, (text: string) => Buffer> = {
    'utf-8': (text) => Buffer.from(text),
    'utf-16le': (text) => Buffer.from(text, 'utf16le'),
    'utf-16be': swapped,
    'iso-8859-1': (text) => Buffer.from(text, 'latin1'),
    'us-ascii': (text) => Buffer.from(text, 'latin1'),
    'windows-1252': (text) => Buffer.from(text, 'latin1'),
  };

  test.each(Object.keys(encoders) as Charset[])('%s gives the text that went in, however it is cut', (charset) => {
    const ascii = fc.string({ unit: fc.integer({ min: 0, max: 127 }).map((code) => String.fromCharCode(code)) });
    const latin = fc.string({ unit: fc.integer({ min: 0xa0, max: 255 }).map((code) => String.fromCharCode(code)) });
    const text = charset.startsWith('utf') ? fc.string({ unit: 'binary' }) : charset === 'us-ascii' ? ascii : latin;
    fc.assert(
      fc.property(text, fc.array(fc.nat(5), { maxLength: 10 }), (expected, sizes) => {
        const bytes = encoders[charset](expected);
        const decoder = new Decoder(charset);
        let got = '';
        let at = 0;
        for (const size of sizes) got += decoder.write(bytes.subarray(at, (at += size))).text;
        got += decoder.write(bytes.subarray(at)).text;
        expect(got).toBe(expected);
        expect(decoder.end()).toBe(true);
      }),
    );
  });

  test('never accepts in pieces what it refuses whole', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 12 }),
        fc.constantFrom<Charset>('utf-8', 'utf-16le', 'utf-16be', 'us-ascii'),
        (raw, charset) => {
          const bytes = Buffer.from(raw);
          const decoder = new Decoder(charset);
          const pieces = Array.from(bytes, (byte) => decoder.write(Buffer.from([byte])));
          const accepted = pieces.every((piece) => piece.sound) && decoder.end();
          expect(accepted).toBe(decode(charset, bytes) !== null);
        },
      ),
      { numRuns: 5000 },
    );
  });

  test('windows-1252 is not ISO-8859-1', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(decode('windows-1252', all)?.slice(0x80, 0xa0)).toBe(
      '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ',
    );
    expect(decode('iso-8859-1', all)?.charCodeAt(0x80)).toBe(0x80);
  });
});
