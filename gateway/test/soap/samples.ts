/**
 * SOAP messages as real stacks write them, for the tests of this folder: where each stack puts its namespaces, its headers and
 * its white space.
 */

export const ORDERS = 'http://reeferdesk.example/orders';
export const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/';
export const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope';

export interface Sample {
  readonly version: '1.1' | '1.2';
  readonly namespace: string;
  readonly name: string;
  readonly xml: string;
}

/** An envelope of SOAP 1.1 around `body`. */
export const envelope = (body: string, header = '', namespace: string = SOAP11): string =>
  `<s:Envelope xmlns:s="${namespace}"${header === '' ? '' : `><s:Header>${header}</s:Header`}><s:Body>${body}</s:Body></s:Envelope>`;

export const getOrder: string = `<o:GetOrder xmlns:o="${ORDERS}"><o:orderId>42</o:orderId></o:GetOrder>`;

const order = { namespace: ORDERS, name: 'GetOrder' };

export const SAMPLES: Readonly<Record<string, Sample>> = {
  zeep: {
    version: '1.1',
    ...order,
    xml:
      `<?xml version='1.0' encoding='utf-8'?>\n<soap-env:Envelope xmlns:soap-env="${SOAP11}"><soap-env:Body>` +
      `<ns0:GetOrder xmlns:ns0="${ORDERS}"><ns0:orderId>42</ns0:orderId></ns0:GetOrder></soap-env:Body></soap-env:Envelope>`,
  },
  suds: {
    version: '1.1',
    ...order,
    xml:
      `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:ns0="${ORDERS}" xmlns:ns1="${SOAP11}" ` +
      `xmlns:SOAP-ENV="${SOAP11}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><SOAP-ENV:Header/>` +
      '<ns1:Body><ns0:GetOrder><ns0:orderId>42</ns0:orderId></ns0:GetOrder></ns1:Body></SOAP-ENV:Envelope>',
  },
  'Apache CXF': {
    version: '1.1',
    ...order,
    xml:
      `<soap:Envelope xmlns:soap="${SOAP11}"><soap:Body><GetOrder xmlns="${ORDERS}" ` +
      `xmlns:ns2="${ORDERS}/types"><orderId>42</orderId></GetOrder></soap:Body></soap:Envelope>`,
  },
  'JAX-WS RI': {
    version: '1.1',
    ...order,
    xml:
      `<?xml version='1.0' encoding='UTF-8'?><S:Envelope xmlns:S="${SOAP11}"><S:Body><ns2:GetOrder xmlns:ns2="${ORDERS}">` +
      '<orderId>42</orderId></ns2:GetOrder></S:Body></S:Envelope>',
  },
  'JAX-WS RI, SOAP 1.2 with WS-Addressing': {
    version: '1.2',
    ...order,
    xml:
      `<?xml version="1.0" ?><S:Envelope xmlns:S="${SOAP12}"><S:Header>` +
      '<To xmlns="http://www.w3.org/2005/08/addressing">http://127.0.0.1/soap/OrderService</To>' +
      `<Action xmlns="http://www.w3.org/2005/08/addressing" xmlns:S="${SOAP12}" S:mustUnderstand="true">urn:GetOrder</Action>` +
      '<ReplyTo xmlns="http://www.w3.org/2005/08/addressing"><Address>http://www.w3.org/2005/08/addressing/anonymous</Address></ReplyTo>' +
      `</S:Header><S:Body><ns2:GetOrder xmlns:ns2="${ORDERS}"><orderId>42</orderId></ns2:GetOrder></S:Body></S:Envelope>`,
  },
  '.NET, namespaces on the envelope': {
    version: '1.1',
    ...order,
    xml:
      '<?xml version="1.0" encoding="utf-8"?>\r\n<soap:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
      `xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:soap="${SOAP11}">\r\n  <soap:Body>\r\n    <GetOrder xmlns="${ORDERS}">` +
      '\r\n      <orderId>42</orderId>\r\n    </GetOrder>\r\n  </soap:Body>\r\n</soap:Envelope>',
  },
  'WCF, with action and activity headers': {
    version: '1.2',
    ...order,
    xml:
      `<s:Envelope xmlns:s="${SOAP12}" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>` +
      '<a:Action s:mustUnderstand="1">urn:GetOrder</a:Action>' +
      '<ActivityId CorrelationId="3f1b" xmlns="http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics">0</ActivityId>' +
      '<a:MessageID>urn:uuid:5c8</a:MessageID></s:Header>' +
      `<s:Body><GetOrder xmlns="${ORDERS}"><orderId>42</orderId></GetOrder></s:Body></s:Envelope>`,
  },
  'the default namespace is the envelope': {
    version: '1.1',
    ...order,
    xml: `<Envelope xmlns="${SOAP11}"><Body><x:GetOrder xmlns:x="${ORDERS}"/></Body></Envelope>`,
  },
  'an operation without a namespace': {
    version: '1.1',
    namespace: '',
    name: 'GetOrder',
    xml: `<s:Envelope xmlns:s="${SOAP11}"><s:Body><GetOrder/></s:Body></s:Envelope>`,
  },
  'rpc/encoded of Axis 1, with multirefs': {
    version: '1.1',
    namespace: ORDERS,
    name: 'PlaceOrder',
    xml:
      `<soapenv:Envelope xmlns:soapenv="${SOAP11}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>` +
      `<ns1:PlaceOrder soapenv:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" xmlns:ns1="${ORDERS}">` +
      '<order href="#id0"/></ns1:PlaceOrder><multiRef id="id0" soapenc:root="0" ' +
      'soapenv:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/" xsi:type="ns2:Order" ' +
      `xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" xmlns:ns2="${ORDERS}"><line href="#id1"/></multiRef>` +
      '<multiRef id="id1" soapenc:root="0" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/">1</multiRef>' +
      '</soapenv:Body></soapenv:Envelope>',
  },
  'comments, processing instructions and CDATA before the operation': {
    version: '1.1',
    ...order,
    xml:
      `<?xml version="1.0"?><!-- <s:Body><x/></s:Body> --><?pi <s:Body/> ?><s:Envelope xmlns:s="${SOAP11}"><!-- - -->` +
      '<s:Header><x:h xmlns:x="urn:x"><![CDATA[</s:Header><s:Body><o:CancelOrder/>]]></x:h></s:Header><?a b?>' +
      `<s:Body><!-- <o:CancelOrder/> --><?x y?>\n${getOrder}<!-- after --></s:Body></s:Envelope><!-- end -->\n`,
  },
  'signature wrapping: a Body inside a header block': {
    version: '1.1',
    ...order,
    xml: envelope(
      getOrder,
      `<w:Wrapper xmlns:w="urn:w"><s:Body Id="signed"><o:CancelOrder xmlns:o="${ORDERS}"/></s:Body></w:Wrapper>` +
        `<s:Body><o:CancelOrder xmlns:o="${ORDERS}"/></s:Body>`,
    ),
  },
  'a prefix that means something else further in': {
    version: '1.1',
    namespace: 'urn:inner',
    name: 'GetOrder',
    xml: `<s:Envelope xmlns:s="${SOAP11}" xmlns:o="urn:outer"><s:Body xmlns:o="urn:middle"><o:GetOrder xmlns:o="urn:inner"/></s:Body></s:Envelope>`,
  },
  'names outside of ASCII': {
    version: '1.1',
    namespace: 'urn:bestellung/größe',
    name: 'GrößeÄndern',
    xml: envelope('<ö:GrößeÄndern xmlns:ö="urn:bestellung/größe">日本 €</ö:GrößeÄndern>'),
  },
  'entities in a namespace name': {
    version: '1.1',
    namespace: 'urn:a&b',
    name: 'GetOrder',
    xml: envelope('<o:GetOrder xmlns:o="urn:a&amp;&#x62;">&lt;&#65;&gt;</o:GetOrder>'),
  },
};
