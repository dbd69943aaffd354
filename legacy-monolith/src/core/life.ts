/**
 * The life of an order: what may be done to it in which state, and what it becomes.
 *
 *     created ──(update)*──▶ booked ──▶ assigned ──▶ spoilt
 *        │                     │  └────▶ rejected
 *        └──(cancel)──▶ cancelled ◀─(cancel)── booked, assigned
 *
 * ReeferDesk books within one transaction, so its own orders pass through `booked` unseen; orders that stand in it were put
 * there by hand. Nothing here makes an order spoilt: a person at the desk does.
 *
 * Pure: candidates for a booking are arguments, and whoever calls holds the locks on them.
 */
import type { Order, Status } from './order.ts';

/** A voyage to the order's destination that leaves after its pickup. */
export interface VoyageOffer {
  readonly key: number;
  readonly free: number;
  /** Microseconds since 1970 as text, or any text that sorts by time. */
  readonly departs: string;
}

/** An empty container in the city of the pickup. */
export interface ContainerOffer {
  readonly key: number;
  readonly capacity: number;
}

export type Command =
  | { readonly kind: 'update' }
  | { readonly kind: 'book'; readonly voyages: readonly VoyageOffer[]; readonly containers: readonly ContainerOffer[] }
  | { readonly kind: 'cancel' };

/** What the order becomes, and what has to be written with it. */
export type Change =
  | { readonly kind: 'updated' }
  | { readonly kind: 'assigned'; readonly voyage: number; readonly containers: readonly number[] }
  | { readonly kind: 'rejected'; readonly because: 'no-voyage' | 'no-container' }
  | { readonly kind: 'cancelled'; readonly release: boolean };

export type Outcome =
  | { readonly kind: 'accepted'; readonly status: Status; readonly change: Change }
  | { readonly kind: 'refused'; readonly because: string };

const allowed: Readonly<Record<Status, Readonly<Record<Command['kind'], boolean>>>> = {
  created: { update: true, book: true, cancel: true },
  booked: { update: false, book: false, cancel: true },
  assigned: { update: false, book: false, cancel: true },
  rejected: { update: false, book: false, cancel: false },
  cancelled: { update: false, book: false, cancel: false },
  spoilt: { update: false, book: false, cancel: false },
};

const doings: Readonly<Record<Command['kind'], string>> = { update: 'updated', book: 'booked', cancel: 'cancelled' };

/** Whether the command may be asked of the order at all, before candidates are looked for. Returns why not, or null. */
export function obstacleTo(command: Command['kind'], order: Pick<Order, 'orderId' | 'status'>): string | null {
  if (allowed[order.status][command]) return null;
  return `Order ${order.orderId} is ${order.status} and cannot be ${doings[command]}`;
}

/** Decides one command on one order. */
export function decide(command: Command, order: Pick<Order, 'orderId' | 'status' | 'quantity'>): Outcome {
  const obstacle = obstacleTo(command.kind, order);
  if (obstacle !== null) return { kind: 'refused', because: obstacle };
  switch (command.kind) {
    case 'update':
      return { kind: 'accepted', status: order.status, change: { kind: 'updated' } };
    case 'book': {
      const change = allocate(order.quantity, command.voyages, command.containers);
      return { kind: 'accepted', status: change.kind, change };
    }
    case 'cancel': {
      const release = order.status === 'assigned';
      return { kind: 'accepted', status: 'cancelled', change: { kind: 'cancelled', release } };
    }
    default:
      return command satisfies never;
  }
}

/**
 * Gives goods the first voyage that still has room for them, and as few containers as hold them: the largest first, and for
 * what is left the smallest that takes it.
 */
function allocate(
  quantity: number,
  voyages: readonly VoyageOffer[],
  containers: readonly ContainerOffer[],
): Extract<Change, { kind: 'assigned' | 'rejected' }> {
  const [voyage] = voyages
    .filter((offer) => offer.free >= quantity)
    .sort((a, b) => compareText(a.departs, b.departs) || a.key - b.key);
  if (voyage === undefined) return { kind: 'rejected', because: 'no-voyage' };

  const chosen: number[] = [];
  let left = quantity;
  const usable = containers.filter((offer) => offer.capacity > 0);
  for (const offer of usable.toSorted((a, b) => b.capacity - a.capacity || a.key - b.key)) {
    if (left <= 0) break;
    chosen.push(left > offer.capacity ? offer.key : smallestFor(left, usable, chosen));
    left -= offer.capacity;
  }
  if (left > 0) return { kind: 'rejected', because: 'no-container' };
  return { kind: 'assigned', voyage: voyage.key, containers: chosen };
}

function smallestFor(left: number, containers: readonly ContainerOffer[], taken: readonly number[]): number {
  const fitting = containers.filter((offer) => offer.capacity >= left && !taken.includes(offer.key));
  const [smallest] = fitting.toSorted((a, b) => a.capacity - b.capacity || a.key - b.key);
  if (smallest === undefined) throw new RangeError(`No container holds ${left}, though one was found`);
  return smallest.key;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
