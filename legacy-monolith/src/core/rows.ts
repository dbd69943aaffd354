/**
 * The shapes of ReeferDesk's rows as the seed writes them: named as the columns are, numerics and times as text so that they
 * are exact.
 */
import type { Raw } from './json.ts';

export interface PortRow {
  readonly port_id: number;
  readonly code: string;
  readonly city: string;
  readonly country: string;
}

export interface CustomerRow {
  readonly customer_id: number;
  readonly customer_no: string;
  readonly name: string;
  readonly email: string | null;
  readonly credit_limit: string | null;
  readonly active: boolean;
  readonly created: string;
}

export interface AddressRow {
  readonly address_id: number;
  readonly street: string;
  readonly city: string;
  readonly country: string;
  readonly state: string | null;
  readonly zipcode: string;
}

export interface VoyageRow {
  readonly voyage_id: number;
  readonly voyage_no: string;
  readonly vessel: string;
  readonly origin_port: number;
  readonly destination_port: number;
  readonly departs: string;
  readonly arrives: string;
  readonly capacity: number;
  readonly booked: number;
  readonly status: string;
}

export interface ContainerRow {
  readonly container_id: number;
  readonly container_no: string;
  readonly type: string;
  readonly city: string;
  readonly status: string;
  readonly capacity: number;
  readonly tare_kg: string;
  readonly last_maintenance: string | null;
  readonly features: readonly (string | null)[];
}

export interface ReadingRow {
  readonly reading_id: number;
  readonly container_id: number;
  readonly read_at: string;
  readonly temperature: string;
  readonly humidity: number | null;
  readonly power: boolean;
}

export interface OrderRow {
  readonly order_key: number;
  readonly order_id: string;
  readonly product_id: string;
  readonly customer_id: number;
  readonly quantity: number;
  readonly pickup_address: number;
  readonly pickup_date: string;
  readonly destination_address: number;
  readonly expected_delivery: string;
  readonly status: string;
  readonly voyage_id: number | null;
  readonly total: string;
  readonly currency: string;
  readonly special_instructions: Raw | null;
  readonly terms: string | null;
  readonly tags: readonly (string | null)[] | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ItemRow {
  readonly order_key: number;
  readonly line_no: number;
  readonly sku: string;
  readonly description: string | null;
  readonly quantity: number;
  readonly unit_price: string;
}

export interface OrderContainerRow {
  readonly order_key: number;
  readonly container_id: number;
  readonly assigned_at: string;
}

/** How much of everything the seed makes. All are counts of rows. */
export interface Amounts {
  readonly orders: number;
  readonly customers: number;
  readonly voyages: number;
  readonly containers: number;
  readonly readings: number;
}
