/**
 * The messages of `bench soap`: orders as a client's stack writes them, filled up to a size with lines of cargo, so that the bytes
 * are markup, short values and a little text, as in a real one.
 */
import type { Workload } from '../facade/workload.ts';

export const PATH = '/soap/OrderService';

const NAMESPACE = 'http://reeferdesk.example/orders/v1';
const START =
  `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
  `xmlns:ord="${NAMESPACE}">\n  <soapenv:Header/>\n  <soapenv:Body>\n    <ord:CreateOrder>\n`;
const END = '    </ord:CreateOrder>\n  </soapenv:Body>\n</soapenv:Envelope>\n';

const line = (index: number): string =>
  `      <ord:line number="${index}">\n        <ord:commodity>Bananas &amp; plantains</ord:commodity>\n` +
  `        <ord:setpoint unit="C">-${(index % 40) / 2}</ord:setpoint>\n        <ord:weightKg>${10_000 + index}</ord:weightKg>\n      </ord:line>\n`;

/** A message of exactly `bytes` bytes. */
export function messageOf(bytes: number): string {
  let body = '';
  for (let index = 1; START.length + body.length + line(index).length + END.length <= bytes; index += 1)
    body += line(index);
  // White space where a pretty printer leaves it.
  return START + body + ' '.repeat(bytes - START.length - body.length - END.length) + END;
}

/** POSTs of a message of `bytes` bytes. */
export function workloadOf(bytes: number): Workload {
  const message = { type: 'text/xml; charset=utf-8', text: messageOf(bytes) };
  return { method: 'POST', paths: [PATH], customers: CUSTOMERS, body: 0, message };
}

/** Calls of GetOrder, as a client's stack writes them. */
export function getOrders(): Workload {
  const text =
    `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
    `xmlns:ord="${NAMESPACE}"><soapenv:Body><ord:GetOrder><ord:orderId>42</ord:orderId></ord:GetOrder></soapenv:Body></soapenv:Envelope>`;
  const message = { type: 'text/xml; charset=utf-8', text };
  return { method: 'POST', paths: [PATH], customers: CUSTOMERS, body: 0, message };
}

const CUSTOMERS: readonly string[] = Array.from({ length: 100 }, (_, index) => `customer-${index}`);
