-- ReeferDesk's own schema, as it grew. Internal keys are integers; what the outside sees are the *_no columns and order_id.
-- The replica identity is FULL where a key may change: ReeferDesk renumbers order lines and containers of an order.
CREATE TYPE order_status AS ENUM ('created', 'booked', 'assigned', 'rejected', 'cancelled', 'spoilt');
CREATE TYPE voyage_status AS ENUM ('scheduled', 'departed', 'arrived', 'cancelled');
CREATE TYPE container_status AS ENUM ('empty', 'assigned', 'loaded', 'in_transit', 'maintenance');

CREATE TABLE ports (
  port_id serial PRIMARY KEY,
  code char(5) NOT NULL UNIQUE, -- UN/LOCODE
  city text NOT NULL,
  country text NOT NULL
);

CREATE TABLE customers (
  customer_id serial PRIMARY KEY,
  customer_no text NOT NULL UNIQUE, -- 'C-000042'
  name text NOT NULL,
  email text,
  credit_limit numeric(12,2),
  active boolean NOT NULL DEFAULT true,
  created timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);

CREATE TABLE addresses (
  address_id serial PRIMARY KEY,
  street text NOT NULL,
  city text NOT NULL,
  country text NOT NULL,
  state text,
  zipcode text NOT NULL
);

CREATE TABLE voyages (
  voyage_id serial PRIMARY KEY,
  voyage_no text NOT NULL UNIQUE, -- 'V-00017'
  vessel text NOT NULL,
  origin_port integer NOT NULL REFERENCES ports,
  destination_port integer NOT NULL REFERENCES ports,
  departs timestamptz NOT NULL,
  arrives timestamptz NOT NULL,
  capacity integer NOT NULL CHECK (capacity > 0),
  booked integer NOT NULL DEFAULT 0 CHECK (booked BETWEEN 0 AND capacity),
  status voyage_status NOT NULL DEFAULT 'scheduled'
);

CREATE TABLE containers (
  container_id serial PRIMARY KEY,
  container_no text NOT NULL UNIQUE, -- 'REEF0000123'
  type text NOT NULL, -- 'RF20' | 'RF40' | 'HC40'
  city text NOT NULL,
  status container_status NOT NULL DEFAULT 'empty',
  capacity integer NOT NULL,
  tare_kg numeric(10,3) NOT NULL,
  last_maintenance date,
  features text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE container_readings (
  reading_id bigserial PRIMARY KEY,
  container_id integer NOT NULL REFERENCES containers,
  read_at timestamptz NOT NULL,
  temperature numeric(5,2) NOT NULL, -- degrees Celsius
  humidity real,
  power boolean NOT NULL
);
CREATE INDEX ON container_readings (container_id, read_at);

CREATE TABLE orders (
  order_key serial PRIMARY KEY,
  order_id text NOT NULL UNIQUE, -- digits for orders born here; any text for one replicated in
  product_id text NOT NULL,
  customer_id integer NOT NULL REFERENCES customers,
  quantity integer NOT NULL,
  pickup_address integer NOT NULL REFERENCES addresses,
  pickup_date timestamp NOT NULL, -- UTC, by convention only
  destination_address integer NOT NULL REFERENCES addresses,
  expected_delivery timestamp NOT NULL, -- UTC, by convention only
  status order_status NOT NULL DEFAULT 'created',
  voyage_id integer REFERENCES voyages,
  total numeric(12,2) NOT NULL,
  currency char(3) NOT NULL DEFAULT 'EUR',
  special_instructions jsonb,
  terms text, -- the contract's small print; often above 8 kB
  tags text[],
  created_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  updated_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE INDEX ON orders (customer_id, created_at DESC);
CREATE INDEX ON orders (status, created_at DESC);
CREATE INDEX ON orders (created_at DESC, order_id COLLATE "C" DESC);

CREATE TABLE order_items (
  order_key integer NOT NULL REFERENCES orders ON UPDATE CASCADE ON DELETE CASCADE,
  line_no integer NOT NULL,
  sku text NOT NULL,
  description text,
  quantity integer NOT NULL,
  unit_price numeric(10,2) NOT NULL,
  PRIMARY KEY (order_key, line_no)
);
ALTER TABLE order_items REPLICA IDENTITY FULL;

CREATE TABLE order_containers (
  order_key integer NOT NULL REFERENCES orders ON UPDATE CASCADE ON DELETE CASCADE,
  container_id integer NOT NULL REFERENCES containers,
  assigned_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (order_key, container_id)
);
ALTER TABLE order_containers REPLICA IDENTITY FULL;
