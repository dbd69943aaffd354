/** Reads a document that is one element, as saxes reads it: what the tests of codecs decode with. */
import { SaxesParser } from 'saxes';
import type { Codec, Decoded } from '@banyan/gateway/core/soap/codec';
import { Scope } from '@banyan/gateway/core/soap/scope';

/** What the codec makes of the document; where it is not well-formed, words that no schema has. */
export function decodeElement(text: string, codec: Codec): Decoded {
  const decoder = codec.decoder();
  const scope = new Scope();
  const parser: SaxesParser = new SaxesParser({ defaultXMLVersion: '1.0', forceXMLVersion: true });
  parser.on('opentag', (tag) => {
    const attributes = Object.entries(tag.attributes).map(([name, value]) => ({ name, value: String(value) }));
    const name = scope.open(tag.name, attributes);
    if ('problem' in name) throw new Error(name.problem);
    decoder.open(name, attributes, scope);
  });
  parser.on('closetag', () => {
    decoder.close();
    scope.close();
  });
  parser.on('text', (piece) => decoder.text(piece));
  parser.on('cdata', (piece) => decoder.text(piece));
  const broken = (because: string): Decoded => ({ kind: 'invalid', path: codec.element.local, because });
  try {
    parser.write(text).close();
  } catch (error) {
    return broken(`is not well-formed XML: ${error instanceof Error ? error.message : String(error)}`);
  }
  return decoder.result ?? broken('does not end');
}
