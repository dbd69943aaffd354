/**
 * The nouns of ReeferDesk as its two faces (REST and SOAP) see them. Numerics are text as Postgres prints them; dates and
 * times are UTC to the minute, `2026-03-01T08:30`, the way ReeferDesk has always shown them.
 */

/** The statuses of an order, in the order of its life. */
export const statuses = ['created', 'booked', 'assigned', 'rejected', 'cancelled', 'spoilt'] as const;
export type Status = (typeof statuses)[number];

export const voyageStatuses = ['scheduled', 'departed', 'arrived', 'cancelled'] as const;
export type VoyageStatus = (typeof voyageStatuses)[number];

export const containerStatuses = ['empty', 'assigned', 'loaded', 'in_transit', 'maintenance'] as const;
export type ContainerStatus = (typeof containerStatuses)[number];

export interface Address {
  readonly street: string;
  readonly city: string;
  readonly country: string;
  readonly state: string | null;
  readonly zipcode: string;
}

export interface Item {
  readonly lineNo: number;
  readonly sku: string;
  readonly description: string | null;
  readonly quantity: number;
  /** A decimal with two digits after the point. */
  readonly unitPrice: string;
}

export interface Order {
  readonly orderId: string;
  readonly productId: string;
  /** `C-000042`. */
  readonly customerId: string;
  readonly quantity: number;
  readonly pickupAddress: Address;
  readonly destinationAddress: Address;
  readonly pickupDate: string;
  readonly expectedDeliveryDate: string;
  readonly status: Status;
  /** `V-00017`; null without a voyage. */
  readonly voyageId: string | null;
  /** Sorted as bytes. */
  readonly containerIds: readonly string[];
  /** By line number. */
  readonly items: readonly Item[];
  /** A decimal with two digits after the point. */
  readonly total: string;
  readonly currency: string;
  readonly tags: readonly (string | null)[] | null;
  /** JSON text, exactly as jsonb prints it; null without instructions. */
  readonly specialInstructions: string | null;
  /** undefined where they were not asked for: in a page. */
  readonly terms: string | null | undefined;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Some of the orders, and how many there are in all. */
export interface OrderPage {
  readonly orders: readonly Order[];
  readonly total: number;
}

export interface Harbour {
  readonly code: string;
  readonly city: string;
  readonly country: string;
}

export interface Voyage {
  readonly voyageId: string;
  readonly vessel: string;
  readonly origin: Harbour;
  readonly destination: Harbour;
  readonly departs: string;
  readonly arrives: string;
  readonly capacity: number;
  readonly booked: number;
  readonly free: number;
  readonly status: VoyageStatus;
}

export interface Container {
  readonly containerId: string;
  readonly type: string;
  readonly city: string;
  readonly status: ContainerStatus;
  readonly capacity: number;
  /** A decimal with three digits after the point. */
  readonly tareKg: string;
  /** `2025-11-30`, or null. */
  readonly lastMaintenance: string | null;
  readonly features: readonly (string | null)[];
}

/** What the thermometer of one container said. Temperatures are decimals in degrees Celsius; null without readings. */
export interface ContainerHistory {
  readonly containerId: string;
  readonly readings: number;
  readonly minTemperature: string | null;
  readonly maxTemperature: string | null;
  readonly averageTemperature: string | null;
  readonly excursions: number;
  readonly powerLosses: number;
  readonly from: string | null;
  readonly to: string | null;
}

export interface ColdChain {
  readonly orderId: string;
  readonly containers: readonly ContainerHistory[];
}

/** True unless it was once too warm or without power. No reading is no complaint. */
export function isCompliant(report: ColdChain): boolean {
  return report.containers.every((container) => container.excursions === 0 && container.powerLosses === 0);
}
