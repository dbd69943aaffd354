/**
 * What moves in ReeferDesk's seed: ports, voyages, containers and what their thermometers said. Each row is computed from
 * its number alone.
 */
import type { AddressRow, Amounts, ContainerRow, PortRow, ReadingRow, VoyageRow } from './rows.ts';
import { DAY, HOUR, MINUTE, dateText, midnight, timestampText, type Micros } from './calendar.ts';
import { at, chanceOf } from './chance.ts';
import { moneyText } from './money.ts';
import { street, vessel } from './prose.ts';
import { ports } from './ports.ts';

/** The first day of the seed's world, and the day on which it stands still. The clock plays no part. */
export const FIRST_DAY: Micros = midnight(2025, 1, 1);
export const PRESENT: Micros = midnight(2026, 1, 1);
// Voyages leave over four years, so that a pickup date of today still finds one.
const SAILING_DAYS = 4 * 365;

// Containers are numbered in blocks of twenty; a container's place in its block says what it is doing.
const BLOCK = 20;
const FIRST_BUSY = 11;
const LAST_BUSY = 18;

const VOYAGE_TABLE = 1;
const CONTAINER_TABLE = 2;
const READING_TABLE = 3;
const ADDRESS_TABLE = 4;

/** Port `n`, from 1. */
export function portRow(n: number): PortRow {
  return { port_id: n, ...at(ports, n - 1) };
}

/** When voyage `n` leaves; voyages leave in the order of their numbers. */
export function departure(amounts: Amounts, n: number): Micros {
  const minutes = Math.floor((n * SAILING_DAYS * 1440) / amounts.voyages);
  return FIRST_DAY + minutes * MINUTE;
}

/** The first voyage that leaves at `moment` or later; may be one that does not exist. */
export function voyageFrom(amounts: Amounts, moment: Micros): number {
  return Math.ceil(((moment - FIRST_DAY) / DAY / SAILING_DAYS) * amounts.voyages);
}

/** True for the voyages that were called off. */
export function isCalledOff(n: number): boolean {
  return n % 37 === 0;
}

/** The number of the port that voyage `n` goes to. All ports get their turn. */
export function destinationOf(n: number): number {
  return (n % ports.length) + 1;
}

/** Voyage `n`, from 1, with `booked` units on board. Every twentieth is full. */
export function voyageRow(amounts: Amounts, n: number, booked: number): VoyageRow {
  const chance = chanceOf(VOYAGE_TABLE, n);
  const departs = departure(amounts, n);
  const arrives = departs + chance.between(2, 40) * DAY + chance.below(1440) * MINUTE;
  const roomy = Math.max(chance.between(4, 40) * 100, Math.ceil(booked / 100) * 100);
  const destination = destinationOf(n);
  return {
    voyage_id: n,
    voyage_no: `V-${String(n).padStart(5, '0')}`,
    vessel: vessel(chance),
    origin_port: ((destination - 1 + chance.between(1, ports.length - 1)) % ports.length) + 1,
    destination_port: destination,
    departs: `${timestampText(departs)}Z`,
    arrives: `${timestampText(arrives)}Z`,
    capacity: n % 20 === 0 && booked > 0 ? booked : roomy,
    booked,
    status: voyageStatus(n, departs, arrives),
  };
}

function voyageStatus(n: number, departs: Micros, arrives: Micros): string {
  if (isCalledOff(n)) return 'cancelled';
  if (departs >= PRESENT) return 'scheduled';
  return arrives < PRESENT ? 'arrived' : 'departed';
}

/** How many containers are under way, and so can belong to an order. */
export function busyContainers(amounts: Amounts): number {
  return Math.floor(amounts.containers / BLOCK) * (LAST_BUSY - FIRST_BUSY + 1);
}

/** The number of the container that is busy number `index`, from 0 to {@link busyContainers} - 1. */
export function busyContainer(index: number): number {
  const each = LAST_BUSY - FIRST_BUSY + 1;
  return Math.floor(index / each) * BLOCK + FIRST_BUSY + (index % each);
}

const types = [
  { type: 'RF20', capacity: 20 },
  { type: 'RF40', capacity: 40 },
  { type: 'HC40', capacity: 45 },
] as const;

const featureLists: readonly (readonly (string | null)[])[] = [
  [],
  ['controlled-atmosphere'],
  ['gps', 'controlled-atmosphere'],
  ['gps', null],
  ['"quoted"', 'a,b', '{}', '\\'],
  ['温度計', '❄️'],
];

/** How many units container `n` holds. */
export function containerCapacity(n: number): number {
  return at(types, n % types.length).capacity;
}

/** Container `n`, from 1. */
export function containerRow(n: number): ContainerRow {
  const chance = chanceOf(CONTAINER_TABLE, n);
  return {
    container_id: n,
    container_no: `REEF${String(n).padStart(7, '0')}`,
    type: at(types, n % types.length).type,
    city: chance.pick(ports).city,
    status: containerStatus(n % BLOCK),
    capacity: containerCapacity(n),
    // A thousandth of a kilogram: numeric(10,3).
    tare_kg: `${moneyText(chance.between(230_000, 480_000))}${chance.pick(['0', '0', '5', '1'])}`,
    last_maintenance: chance.percent(20) ? null : dateText(PRESENT - chance.between(1, 700) * DAY),
    features: chance.pick(featureLists),
  };
}

function containerStatus(place: number): string {
  if (place < FIRST_BUSY) return 'empty';
  if (place < 14) return 'assigned';
  if (place < 16) return 'loaded';
  return place <= LAST_BUSY ? 'in_transit' : 'maintenance';
}

/**
 * Reading `n`, from 1: one each hour of each container in turn. Every third container has none; every seventh of the others
 * grows warm now and then, every eleventh loses power; some stand at the limit of -15.00 exactly.
 */
export function readingRow(amounts: Amounts, n: number): ReadingRow {
  const chance = chanceOf(READING_TABLE, n);
  const measured = Math.ceil((amounts.containers * 2) / 3);
  const index = (n - 1) % measured;
  const container = Math.floor(index / 2) * 3 + (index % 2) + 1;
  const round = Math.floor((n - 1) / measured);
  const warm = container % 7 === 0 && chance.percent(15);
  const cents = warm ? chance.between(-1499, 850) : chance.percent(5) ? -1500 : -chance.between(1500, 2600);
  return {
    reading_id: n,
    container_id: Math.min(container, amounts.containers),
    read_at: `${timestampText(PRESENT - 90 * DAY + round * HOUR + chance.below(3_600_000_000))}Z`,
    temperature: moneyText(cents),
    humidity: chance.percent(15) ? null : chance.between(300, 999) / 10,
    power: !(container % 11 === 0 && chance.percent(10)),
  };
}

const states: readonly (string | null)[] = [null, null, null, 'Zuid-Holland', 'Washington D.C.', '', 'Île-de-France'];

/** Address `n`, from 1. Each city has its share, so that goods can be picked up where containers stand. */
export function addressRow(n: number): AddressRow {
  const chance = chanceOf(ADDRESS_TABLE, n);
  const { city, country } = at(ports, n % ports.length);
  return {
    address_id: n,
    street: street(chance),
    city,
    country,
    state: chance.pick(states),
    zipcode: chance.pick(['', `${chance.between(1000, 99_999)}`, `0${chance.between(100, 999)} AB`, '〒105-0022']),
  };
}
