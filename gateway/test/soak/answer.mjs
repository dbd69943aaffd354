/** What the upstreams of the soak answer: a function of who answers and of the request's id, so that a wrong answer shows. */

/**
 * Lines of a kilobyte, each with the answerer, the id and its own number, cut off at `bytes`: what is lost, doubled or somebody
 * else's differs.
 */
export function textOf(who, id, bytes) {
  const lines = [];
  for (let length = 0, line = 0; length < bytes; line += 1) {
    const start = `${who} ${id} ${line} `;
    const text = `${start}${'.'.repeat(1_023 - start.length)}\n`;
    lines.push(text);
    length += text.length;
  }
  return lines.join('').slice(0, bytes);
}
