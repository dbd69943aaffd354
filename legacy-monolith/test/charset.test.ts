import { expect, test } from 'vitest';
import { decodeXml } from '@banyan/legacy-monolith/charset';

const utf16 = (text: string, big: boolean): Buffer => {
  const bytes = Buffer.from(text, 'utf16le');
  return big ? bytes.swap16() : bytes;
};

test.each<[string, Buffer, string, string | null]>([
  ['UTF-8 when nothing is said', Buffer.from('<a>é</a>'), 'text/xml', '<a>é</a>'],
  ['UTF-8 with a mark', Buffer.from('\ufeff<a/>'), 'text/xml', '<a/>'],
  ['what the media type says', Buffer.from('<a>é</a>', 'latin1'), 'text/xml; charset="ISO-8859-1"', '<a>é</a>'],
  [
    'the media type before the declaration',
    Buffer.from('<?xml version="1.0" encoding="us-ascii"?><a>é</a>', 'latin1'),
    'text/xml;charset=windows-1252',
    '<?xml version="1.0" encoding="us-ascii"?><a>é</a>',
  ],
  [
    'the declaration when the media type is silent',
    Buffer.from("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>", 'latin1'),
    'text/xml',
    "<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>",
  ],
  ['UTF-16 by its mark, whatever is said', utf16('\ufeff<a>é</a>', false), 'text/xml; charset=utf-8', '<a>é</a>'],
  ['UTF-16 the other way round', utf16('\ufeff<a>é</a>', true), 'text/xml', '<a>é</a>'],
  ['an unknown encoding is refused', Buffer.from('<a/>'), 'text/xml; charset=ebcdic', null],
  ['bytes that do not fit are refused', Buffer.from([0x3c, 0xff]), 'text/xml', null],
])('%s', (_name, bytes, contentType, text) => {
  expect(decodeXml(bytes, contentType)).toBe(text);
});
