/** The order and voyage services' operations as a table of calls, and what a client has to have understood; for clients of any stack. */
import type { Call, Client, Said, Understood } from './stacks.ts';

/** Where a table of calls is made. */
export interface Desk {
  /** Base URL that clients know. */
  readonly at: string;
  /** Base URL of the monolith itself, for what is true. */
  readonly legacy: string;
  readonly version: '11' | '12';
}

export const ORDERS = 'OrderService';
export const VOYAGES = 'VoyageService';

/** Asks one operation. @param operation with its service: `OrderService GetOrder` */
export async function ask(client: Client, desk: Desk, operation: string, input: Call['input']): Promise<Said> {
  const [service = '', name = ''] = operation.split(' ');
  const wsdl = `${desk.at}/soap/${service}?wsdl`;
  return client.call({ wsdl, service, port: `${service}Soap${desk.version}`, operation: name, input });
}

/** What an answer holds; fails the test where it is none. */
export function valueOf(said: Said): Fields {
  if (said.kind !== 'answer') throw new Error(`no answer, but ${JSON.stringify(said)}`);
  return fieldsOf(said.value);
}

export type Fields = Readonly<Record<string, Understood>>;

export const fieldsOf = (value: Understood | undefined): Fields =>
  value === null || value === undefined || typeof value === 'string' || Array.isArray(value) ? {} : (value as Fields);

/** A scalar; empty where there is none. */
export const textOf = (value: Understood | undefined): string => (typeof value === 'string' ? value : '');

/** A list; clients show one without items as null. */
export const listOf = (value: Understood | undefined): readonly Understood[] => (Array.isArray(value) ? value : []);

const street = (city: string, state: string | null): Fields => ({
  street: 'Quay 7 <b> & "c"',
  city,
  country: 'DE',
  ...(state === null ? { state: null } : { state }),
  zipcode: '20457',
});

export const draft = (more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  productId: 'P-SALMON',
  customerId: 'C-000007',
  quantity: '30',
  pickupAddress: street('Hamburg', null),
  pickupDate: '2026-03-02T08:30:00',
  destinationAddress: street('Singapore', 'SG'),
  expectedDeliveryDate: '2026-06-01T08:30:00',
  items: [{ sku: 'Æ-1', quantity: '2', unitPrice: '12.50' }],
  ...more,
});

/** An order as REST of the monolith tells it. */
export interface Told {
  readonly orderId: string;
  readonly status: string;
  readonly total: number;
  readonly currency: string;
  readonly pickupDate: string;
  readonly pickupAddress: { readonly city: string };
  readonly items: readonly { readonly sku: string; readonly unitPrice: number }[];
}

export async function told(desk: Desk, orderId: string): Promise<Told> {
  return (await (await fetch(`${desk.legacy}/api/orders/${orderId}`)).json()) as Told;
}

/** What both ways tell of an order, by SOAP's names. */
export interface Summary {
  readonly orderId: string;
  readonly status: string;
  readonly currency: string;
  readonly total: number;
  readonly city: string;
  /** To the minute: all that REST tells. */
  readonly pickupDate: string;
  readonly items: readonly (readonly [string, number])[];
}

/** Of an order as a client understood it. */
export const understood = (order: Fields): Summary => ({
  orderId: textOf(order['orderId']),
  status: textOf(order['status']),
  currency: textOf(order['currency']),
  total: Number(order['total']),
  city: textOf(fieldsOf(order['pickupAddress'])['city']),
  pickupDate: textOf(order['pickupDate']).slice(0, 16),
  items: listOf(order['items'])
    .map(fieldsOf)
    .map(({ sku, unitPrice }) => [textOf(sku), Number(unitPrice)]),
});

/** Of an order as REST tells it. */
export const summary = ({ pickupAddress, items, status, ...rest }: Told): Summary => ({
  orderId: rest.orderId,
  status: status.toUpperCase(),
  currency: rest.currency,
  total: rest.total,
  city: pickupAddress.city,
  pickupDate: rest.pickupDate.slice(0, 16),
  items: items.map(({ sku, unitPrice }) => [sku, unitPrice]),
});

/** The declared fault that a client took; fails the test where it took none, or one that says nothing. */
export function faultOf(said: Said): { readonly name: string; readonly fields: Fields } {
  if (said.kind !== 'fault' || said.reason === '' || said.detail === null)
    throw new Error(`no typed fault, but ${JSON.stringify(said)}`);
  return { name: said.detail.name, fields: fieldsOf(said.detail.fields) };
}
