/**
 * ReeferDesk's JSON, with its habits: money as numbers, minutes without a zone, null for what is not there, and the server's
 * time in every object.
 */
import { isCompliant, type ColdChain, type Container, type Order, type OrderPage, type Voyage } from './order.ts';
import { plain, raw, write, type Writable } from './json.ts';
import type { Paging } from './query.ts';

/**
 * An order as a whole answer.
 * @param serverTime the answer's minute, `2026-03-01T08:30`; the caller owns the clock
 */
export function orderAnswer(order: Order, serverTime: string): string {
  return write({ ...orderJson(order), serverTime });
}

/** A page of orders, which has at least one. */
export function pageAnswer(page: OrderPage, paging: Paging, serverTime: string): string {
  return write({ items: page.orders.map(orderJson), ...paging, total: page.total, serverTime });
}

/** All voyages that were asked for. */
export function voyagesAnswer(voyages: readonly Voyage[], serverTime: string): string {
  return write({
    items: voyages.map((voyage): Writable => ({ ...voyage, ...harbours(voyage) })),
    ...ending(voyages, serverTime),
  });
}

/** All containers that were asked for. */
export function containersAnswer(containers: readonly Container[], serverTime: string): string {
  const items = containers.map((container): Writable => ({ ...container, tareKg: plain(container.tareKg) }));
  return write({ items, ...ending(containers, serverTime) });
}

/** A cold-chain report. */
export function coldChainAnswer(report: ColdChain, serverTime: string): string {
  const containers = report.containers.map((container): Writable => ({
    ...container,
    minTemperature: number(container.minTemperature),
    maxTemperature: number(container.maxTemperature),
    averageTemperature: number(container.averageTemperature),
  }));
  return write({ orderId: report.orderId, compliant: isCompliant(report), containers, serverTime });
}

/** An error. The sentences are part of the REST contract. */
export function errorAnswer(sentence: string, serverTime: string): string {
  return write({ error: sentence, serverTime });
}

function ending(list: readonly unknown[], serverTime: string): { total: number; serverTime: string } {
  return { total: list.length, serverTime };
}

function number(decimal: string | null): Writable {
  return decimal === null ? null : plain(decimal);
}

function harbours(voyage: Voyage): { origin: Writable; destination: Writable } {
  return { origin: { ...voyage.origin }, destination: { ...voyage.destination } };
}

function orderJson(order: Order): Readonly<Record<string, Writable | undefined>> {
  return {
    orderId: order.orderId,
    productId: order.productId,
    customerId: order.customerId,
    quantity: order.quantity,
    pickupAddress: { ...order.pickupAddress },
    destinationAddress: { ...order.destinationAddress },
    pickupDate: order.pickupDate,
    expectedDeliveryDate: order.expectedDeliveryDate,
    status: order.status,
    voyageId: order.voyageId,
    containerIds: order.containerIds,
    items: order.items.map((item): Writable => ({ ...item, unitPrice: plain(item.unitPrice) })),
    total: plain(order.total),
    currency: order.currency,
    tags: order.tags,
    specialInstructions: order.specialInstructions === null ? null : raw(order.specialInstructions),
    terms: order.terms,
    createdAt: order.createdAt,
    updatedAt: order.updatedAt,
  };
}
