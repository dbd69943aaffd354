/** The lines of an order in the database: adding them, and renumbering them as an update planned it. */
import type { DraftItem } from './core/draft.ts';
import type { Queryable } from './reads.ts';
import { planLines, type PlannedLine } from './core/lines.ts';

// Lines that move stand above every real number meanwhile: 100 lines are the limit of an order.
const PARKED = 100_000;

/** Writes the lines of a new order, numbered from 1. */
export async function addLines(sql: Queryable, key: number, items: readonly DraftItem[]): Promise<void> {
  await insert(
    sql,
    key,
    items.map((item, index) => ({ lineNo: index + 1, item })),
  );
}

/** Makes the lines of an order what they shall be. The order's row is locked by the caller. */
export async function updateLines(sql: Queryable, key: number, items: readonly DraftItem[]): Promise<void> {
  const old = await sql.query<{ line_no: number }>(
    'SELECT line_no FROM order_items WHERE order_key = $1 ORDER BY line_no',
    [key],
  );
  const plan = planLines(
    old.rows.map((row) => row.line_no),
    items,
  );
  if (plan.remove.length > 0) {
    await sql.query('DELETE FROM order_items WHERE order_key = $1 AND line_no = ANY($2::int[])', [key, plan.remove]);
  }
  if (plan.move.length > 0) await move(sql, key, plan.move);
  await keep(sql, key, plan.keep);
  await insert(sql, key, plan.add);
}

// In two steps, since Postgres checks the key row by row and 1 and 2 may change places.
async function move(sql: Queryable, key: number, moves: readonly { from: number; to: number }[]): Promise<void> {
  const from = moves.map((one) => one.from);
  await sql.query('UPDATE order_items SET line_no = line_no + $3 WHERE order_key = $1 AND line_no = ANY($2::int[])', [
    key,
    from,
    PARKED,
  ]);
  await sql.query(
    `UPDATE order_items AS i SET line_no = m.new_no FROM unnest($2::int[], $3::int[]) AS m (old_no, new_no)
     WHERE i.order_key = $1 AND i.line_no = m.old_no + $4`,
    [key, from, moves.map((one) => one.to), PARKED],
  );
}

const COLUMNS = 'unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::numeric[])';

function valuesOf(key: number, lines: readonly PlannedLine[]): unknown[] {
  return [
    key,
    lines.map((line) => line.lineNo),
    lines.map((line) => line.item.sku),
    lines.map((line) => line.item.description),
    lines.map((line) => line.item.quantity),
    lines.map((line) => line.item.unitPrice),
  ];
}

async function keep(sql: Queryable, key: number, lines: readonly PlannedLine[]): Promise<void> {
  if (lines.length === 0) return;
  await sql.query(
    `UPDATE order_items AS i SET sku = n.sku, description = n.description, quantity = n.quantity, unit_price = n.unit_price
     FROM ${COLUMNS} AS n (line_no, sku, description, quantity, unit_price)
     WHERE i.order_key = $1 AND i.line_no = n.line_no
       AND (i.sku, i.description, i.quantity, i.unit_price) IS DISTINCT FROM (n.sku, n.description, n.quantity, n.unit_price)`,
    valuesOf(key, lines),
  );
}

async function insert(sql: Queryable, key: number, lines: readonly PlannedLine[]): Promise<void> {
  if (lines.length === 0) return;
  await sql.query(
    `INSERT INTO order_items (order_key, line_no, sku, description, quantity, unit_price)
     SELECT $1, * FROM ${COLUMNS}`,
    valuesOf(key, lines),
  );
}
