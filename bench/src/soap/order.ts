/** The order that both sides of `bench soap`'s bridge answer with: as the REST service says it, and as node-soap's server is given it. */

const address = (city: string): Readonly<Record<string, string>> => ({
  street: 'Kanalstraße 7 & 9',
  city,
  country: 'Germany',
  zipcode: '20457',
});

const items = Array.from({ length: 3 }, (_, line) => ({
  lineNo: line + 1,
  sku: `SKU-42-${line}`,
  description: 'Frozen mangoes, first quality',
  quantity: 12,
  unitPrice: '201.65',
}));

const common = {
  orderId: '42',
  productId: 'P-17',
  customerId: 'C-000042',
  quantity: 36,
  pickupAddress: address('Hamburg'),
  destinationAddress: address('Los Angeles'),
  voyageId: 'V-00017',
  containerIds: ['C-1', 'C-2'],
  items,
  total: '605.00',
  currency: 'EUR',
  tags: ['fragile'],
};

/** JSON of the REST service. */
export const SERVICE_ORDER: unknown = {
  ...common,
  pickupDate: '2026-03-01T08:30:00.000Z',
  expectedDeliveryDate: '2026-04-01T08:30:00.000Z',
  status: 'booked',
  createdAt: '2026-02-01T08:30:00.000Z',
  updatedAt: '2026-02-02T08:30:00.000Z',
};

/** What a handler of node-soap's returns, in the order of the schema, which node-soap keeps. */
export const SOAP_ORDER: unknown = {
  order: {
    orderId: common.orderId,
    productId: common.productId,
    customerId: common.customerId,
    quantity: common.quantity,
    pickupAddress: common.pickupAddress,
    pickupDate: '2026-03-01T08:30:00',
    destinationAddress: common.destinationAddress,
    expectedDeliveryDate: '2026-04-01T08:30:00',
    status: 'BOOKED',
    voyageId: common.voyageId,
    containerIds: common.containerIds,
    items: common.items,
    total: common.total,
    currency: common.currency,
    tags: common.tags,
    createdAt: '2026-02-01T08:30:00',
    updatedAt: '2026-02-02T08:30:00',
  },
};
