/** How much of a group's work falls to one of its consumers, and how much of a read to each partition. */

/**
 * How many of `partitions` the consumer at place `rank` of `members` is to have. The quotas of all members add up to
 * `partitions`, so that none is left over and none is wanted twice.
 */
export function quota(partitions: number, members: number, rank: number): number {
  return Math.floor(partitions / members) + (rank < partitions % members ? 1 : 0);
}

/**
 * Divides `room` records among partitions that have `needs` records waiting: nobody gets more than it needs, what one leaves
 * goes to the others, and everyone who needs something gets at least one.
 *
 * @returns by index of `needs`
 */
export function allot(needs: readonly number[], room: number): readonly number[] {
  const shares: number[] = needs.map(() => 0);
  const order = needs.map((need, index) => ({ need, index })).sort((a, b) => a.need - b.need);
  let left = room;
  for (const [done, { need, index }] of order.entries()) {
    const share = need === 0 ? 0 : Math.max(1, Math.min(need, Math.floor(left / (order.length - done))));
    shares[index] = share;
    left -= share;
  }
  return shares;
}
