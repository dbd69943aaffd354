/**
 * The answers and faults of ReeferDesk's SOAP services, as the XSDs in `wsdl/` say them: a table of every element in its
 * order, and how the nouns become such elements. A test holds the table against the XSDs.
 */
import type { Order, OrderPage, Status, Voyage } from './order.ts';
import { encode, escape, type Field, type Namespaces, type XmlElement, type XmlType, type XmlValue } from './xml.ts';

/** Namespaces of the three schemas. */
export const namespaces: { readonly orders: Namespaces; readonly voyages: Namespaces } = {
  orders: { o: 'http://reeferdesk.example/orders/v1', t: 'http://reeferdesk.example/types/v1' },
  voyages: { v: 'http://reeferdesk.example/voyages/v1', t: 'http://reeferdesk.example/types/v1' },
};

const text: XmlType = { kind: 'text' };
const sequence = (prefix: string, fields: Readonly<Record<string, Field>>): XmlType => ({
  kind: 'sequence',
  prefix,
  fields,
});
const one = (type: XmlType): Field => ({ type, optional: false, many: false, nillable: false });
const perhaps = (type: XmlType): Field => ({ type, optional: true, many: false, nillable: true });
const many = (type: XmlType): Field => ({ type, optional: true, many: true, nillable: false });
const manyOrNil = (type: XmlType): Field => ({ type, optional: true, many: true, nillable: true });

const address = sequence('t', {
  street: one(text),
  city: one(text),
  country: one(text),
  state: perhaps(text),
  zipcode: one(text),
});

const item = sequence('o', {
  lineNo: one(text),
  sku: one(text),
  description: perhaps(text),
  quantity: one(text),
  unitPrice: one(text),
});

const order = sequence('o', {
  orderId: one(text),
  productId: one(text),
  customerId: one(text),
  quantity: one(text),
  pickupAddress: one(address),
  pickupDate: one(text),
  destinationAddress: one(address),
  expectedDeliveryDate: one(text),
  status: one(text),
  voyageId: perhaps(text),
  containerIds: many(text),
  items: many(item),
  total: one(text),
  currency: one(text),
  tags: manyOrNil(text),
  specialInstructions: perhaps(text),
  terms: perhaps(text),
  createdAt: one(text),
  updatedAt: one(text),
});

const harbour = sequence('t', { code: one(text), city: one(text), country: one(text) });

const voyage = sequence('v', {
  voyageId: one(text),
  vessel: one(text),
  origin: one(harbour),
  destination: one(harbour),
  departs: one(text),
  arrives: one(text),
  capacity: one(text),
  booked: one(text),
  free: one(text),
  status: one(text),
});

/** Types of the body elements, by schema and then by name: what the XSDs declare for answers and faults. */
export const elements: Readonly<Record<'orders' | 'voyages', Readonly<Record<string, XmlType>>>> = {
  orders: {
    CreateOrderResponse: sequence('o', { order: one(order) }),
    GetOrderResponse: sequence('o', { order: one(order) }),
    ListOrdersResponse: sequence('o', { order: many(order), totalCount: one(text) }),
    UpdateOrderResponse: sequence('o', { order: one(order) }),
    BookOrderResponse: sequence('o', { order: one(order) }),
    CancelOrderResponse: sequence('o', { order: one(order) }),
    OrderNotFound: sequence('o', { orderId: one(text), message: one(text) }),
    InvalidOrder: sequence('o', { message: one(text) }),
    InvalidState: sequence('o', { orderId: one(text), status: one(text), message: one(text) }),
  },
  voyages: {
    ListVoyagesResponse: sequence('v', { voyage: many(voyage), totalCount: one(text) }),
    GetVoyageResponse: sequence('v', { voyage: one(voyage) }),
    VoyageNotFound: sequence('v', { voyageId: one(text), message: one(text) }),
  },
};

function elementOf(schema: 'orders' | 'voyages', name: string, value: XmlValue): string {
  const type = elements[schema][name];
  if (type === undefined) throw new RangeError(`${schema}.xsd has no element ${name}`);
  const element: XmlElement = { prefix: schema === 'orders' ? 'o' : 'v', name, type };
  return encode(element, namespaces[schema], value);
}

// SOAP's dateTime has seconds; ReeferDesk's times have none.
const dateTime = (minute: string): string => `${minute}:00`;

function orderValue(one: Order): XmlValue {
  return {
    ...one,
    pickupAddress: { ...one.pickupAddress },
    destinationAddress: { ...one.destinationAddress },
    items: one.items.map((line): XmlValue => ({ ...line })),
    pickupDate: dateTime(one.pickupDate),
    expectedDeliveryDate: dateTime(one.expectedDeliveryDate),
    status: one.status.toUpperCase(),
    createdAt: dateTime(one.createdAt),
    updatedAt: dateTime(one.updatedAt),
  };
}

function voyageValue(one: Voyage): XmlValue {
  return {
    ...one,
    origin: { ...one.origin },
    destination: { ...one.destination },
    departs: dateTime(one.departs),
    arrives: dateTime(one.arrives),
    status: one.status.toUpperCase(),
  };
}

/** The answer of an operation that answers with one order: `GetOrder` gives `GetOrderResponse`. */
export function orderMessage(operation: string, answer: Order): string {
  return elementOf('orders', `${operation}Response`, { order: orderValue(answer) });
}

/** The answer of ListOrders. */
export function orderListMessage(page: OrderPage): string {
  return elementOf('orders', 'ListOrdersResponse', { order: page.orders.map(orderValue), totalCount: page.total });
}

/** The answer of GetVoyage. */
export function voyageMessage(answer: Voyage): string {
  return elementOf('voyages', 'GetVoyageResponse', { voyage: voyageValue(answer) });
}

/** The answer of ListVoyages. */
export function voyageListMessage(voyages: readonly Voyage[]): string {
  return elementOf('voyages', 'ListVoyagesResponse', { voyage: voyages.map(voyageValue), totalCount: voyages.length });
}

export type SoapVersion = '1.1' | '1.2';

/** Why an operation was not done: whose fault it is, a sentence, and the detail that the WSDL declares, as XML, or null. */
export interface Fault {
  readonly code: 'client' | 'server';
  readonly reason: string;
  readonly detail: string | null;
}

/** There is no such order. */
export function orderNotFound(orderId: string): Fault {
  const message = `Order ${orderId} not found`;
  return { code: 'client', reason: message, detail: elementOf('orders', 'OrderNotFound', { orderId, message }) };
}

/** The order that was sent is not one. */
export function invalidOrder(message: string): Fault {
  return { code: 'client', reason: message, detail: elementOf('orders', 'InvalidOrder', { message }) };
}

/** The order's state forbids it. */
export function invalidState(orderId: string, status: Status, message: string): Fault {
  const detail = elementOf('orders', 'InvalidState', { orderId, status: status.toUpperCase(), message });
  return { code: 'client', reason: message, detail };
}

/** There is no such voyage. */
export function voyageNotFound(voyageId: string): Fault {
  const message = `Voyage ${voyageId} not found`;
  return { code: 'client', reason: message, detail: elementOf('voyages', 'VoyageNotFound', { voyageId, message }) };
}

const ENVELOPES: Readonly<Record<SoapVersion, string>> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};

/** The Fault element of a version. The prefix `soap` is to be declared around it. */
export function faultElement(version: SoapVersion, fault: Fault): string {
  if (version === '1.1') {
    const detail = fault.detail === null ? '' : `<detail>${fault.detail}</detail>`;
    const code = fault.code === 'client' ? 'soap:Client' : 'soap:Server';
    return `<soap:Fault><faultcode>${code}</faultcode><faultstring>${escape(fault.reason)}</faultstring>${detail}</soap:Fault>`;
  }
  const detail = fault.detail === null ? '' : `<soap:Detail>${fault.detail}</soap:Detail>`;
  const code = fault.code === 'client' ? 'soap:Sender' : 'soap:Receiver';
  return (
    `<soap:Fault><soap:Code><soap:Value>${code}</soap:Value></soap:Code>` +
    `<soap:Reason><soap:Text xml:lang="en">${escape(fault.reason)}</soap:Text></soap:Reason>${detail}</soap:Fault>`
  );
}

/** A whole message with nothing but a fault in it. */
export function faultMessage(version: SoapVersion, fault: Fault): string {
  return (
    `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${ENVELOPES[version]}"><soap:Body>` +
    `${faultElement(version, fault)}</soap:Body></soap:Envelope>`
  );
}
