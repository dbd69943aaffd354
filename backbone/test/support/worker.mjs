// A process to be killed: it sends numbers, or applies them to a table, until it is ended. Its parameters come as JSON.
import pg from 'pg';
import { openLog } from '@banyan/backbone/log';

const { url, role, topic, name } = JSON.parse(process.argv[2]);
const log = await openLog({ url });
const client = new pg.Client({ connectionString: url });
await client.connect();

const roles = {
  // Counts up from its checkpoint, which moves with each batch.
  async produce() {
    const producer = await log.producer(name, [topic]);
    let next = Number(producer.checkpoint ?? 0);
    process.stdout.write(`from ${next}\n`);
    for (;;) {
      const size = 1 + (next % 50);
      const batch = Array.from({ length: size }, (_, index) => String(next + index));
      next += size;
      await producer.send(
        batch.map((value) => ({ topic, key: value, value, headers: [] })),
        { checkpoint: String(next) },
      );
    }
  },
  // Writes down what it gets, and relies on the group's offsets: at least once.
  async write() {
    await log.consume({
      group: name,
      topics: [topic],
      start: 'earliest',
      maxRecords: 100,
      onBatch: async ({ entries }) => {
        await client.query('insert into written (partition, off) select * from unnest($1::int[], $2::int8[])', [
          entries.map(({ partition }) => partition),
          entries.map(({ offset }) => String(offset)),
        ]);
      },
    });
  },
  // Keeps its offsets beside its sum, in one transaction: exactly once in effect.
  async sum() {
    await log.consume({
      group: name,
      topics: [topic],
      start: 'earliest',
      maxRecords: 100,
      resume: async (partitions) => {
        const { rows } = await client.query('select partition, next from place where partition = any($1)', [
          partitions,
        ]);
        return new Map(rows.map((row) => [row.partition, BigInt(row.next)]));
      },
      onBatch: async ({ entries, next }) => {
        await client.query('begin');
        const sum = entries.reduce((total, { value }) => total + Number(value), 0);
        await client.query('update total set sum = sum + $1, count = count + $2', [sum, entries.length]);
        for (const [partition, offset] of next) {
          await client.query(
            'insert into place values ($1, $2) on conflict (partition) do update set next = excluded.next',
            [partition, String(offset)],
          );
        }
        await client.query('commit');
      },
    });
  },
};

await roles[role]();
process.stdout.write('ready\n');
