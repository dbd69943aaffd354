/**
 * The operations of both SOAP services, on the same service layer as REST: arguments in, answer or fault out.
 */
import type pg from 'pg';
import {
  invalidOrder,
  invalidState,
  orderListMessage,
  orderMessage,
  orderNotFound,
  voyageListMessage,
  voyageMessage,
  voyageNotFound,
  type Fault,
} from './core/messages.ts';
import { bookOrder, cancelOrder, createOrder, updateOrder, type Written } from './writes.ts';
import { childOf, draftOf, queryOf, textOf } from './core/arguments.ts';
import { getOrder, getVoyage, listOrders, listVoyages } from './reads.ts';
import { readFilters, readPaging } from './core/query.ts';
import { statuses, voyageStatuses } from './core/order.ts';
import type { Operation, Outcome } from './node-soap.ts';

const failed = (fault: Fault): Outcome => ({ kind: 'fault', fault });
const answered = (xml: string): Outcome => ({ kind: 'answer', xml });
// Not declared in the WSDL: a message that the schema forbids needs no type of its own.
const nonsense = (reason: string): Outcome => failed({ code: 'client', reason, detail: null });

/** CreateOrder, GetOrder, ListOrders, UpdateOrder, BookOrder, CancelOrder. */
export function orderOperations(pool: pg.Pool): Readonly<Record<string, Operation>> {
  return {
    CreateOrder: async (args) => {
      const draft = draftOf(childOf(args, 'order'));
      if (draft.kind === 'refused') return failed(invalidOrder(draft.because));
      return told('CreateOrder', '', await createOrder(pool, draft.value));
    },
    GetOrder: async (args) => {
      const orderId = textOf(args, 'orderId') ?? '';
      const order = await getOrder(pool, orderId);
      return order === null ? failed(orderNotFound(orderId)) : answered(orderMessage('GetOrder', order));
    },
    ListOrders: async (args) => {
      const query = queryOf(args, ['customerId', 'status', 'page', 'size']);
      const filters = readFilters(query, 'customerId', statuses);
      if (filters.kind === 'refused') return nonsense(filters.because);
      const paging = readPaging(query);
      if (paging.kind === 'refused') return nonsense(paging.because);
      return answered(orderListMessage(await listOrders(pool, filters.value, paging.value)));
    },
    UpdateOrder: async (args) => {
      const orderId = textOf(args, 'orderId') ?? '';
      const draft = draftOf(childOf(args, 'order'));
      if (draft.kind === 'refused') return failed(invalidOrder(draft.because));
      return told('UpdateOrder', orderId, await updateOrder(pool, orderId, draft.value));
    },
    BookOrder: async (args) => {
      const orderId = textOf(args, 'orderId') ?? '';
      return told('BookOrder', orderId, await bookOrder(pool, orderId));
    },
    CancelOrder: async (args) => {
      const orderId = textOf(args, 'orderId') ?? '';
      return told('CancelOrder', orderId, await cancelOrder(pool, orderId));
    },
  };
}

/** ListVoyages, GetVoyage. */
export function voyageOperations(pool: pg.Pool): Readonly<Record<string, Operation>> {
  return {
    ListVoyages: async (args) => {
      const filters = readFilters(queryOf(args, ['destination', 'status']), 'destination', voyageStatuses);
      if (filters.kind === 'refused') return nonsense(filters.because);
      return answered(voyageListMessage(await listVoyages(pool, filters.value)));
    },
    GetVoyage: async (args) => {
      const voyageId = textOf(args, 'voyageId') ?? '';
      const voyage = await getVoyage(pool, voyageId);
      return voyage === null ? failed(voyageNotFound(voyageId)) : answered(voyageMessage(voyage));
    },
  };
}

function told(operation: string, orderId: string, written: Written): Outcome {
  switch (written.kind) {
    case 'done':
      return answered(orderMessage(operation, written.order));
    case 'missing':
      return failed(orderNotFound(orderId));
    case 'invalid':
      return failed(invalidOrder(written.because));
    case 'refused':
      return failed(invalidState(orderId, written.status, written.because));
    default:
      return written satisfies never;
  }
}
