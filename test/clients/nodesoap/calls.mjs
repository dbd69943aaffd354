/**
 * node-soap's client, driven by lines of JSON; see ../zeep/calls.py for what is read and printed. Numbers and times are kept as the
 * texts that came, by the deserialisers that node-soap lets its users set: its own make JavaScript numbers of them, and lose digits.
 */
import { createInterface } from 'node:readline';
import { createClientAsync } from 'soap';

const TIMEOUT_MS = 20_000;
const KEPT = ['decimal', 'long', 'int', 'integer', 'boolean', 'dateTime', 'date'];
const customDeserializer = Object.fromEntries(KEPT.map((name) => [name, (text) => text]));
const clients = new Map();

function clientOf({ wsdl, port }) {
  const soap12 = port.endsWith('12');
  const key = `${wsdl} ${soap12}`;
  if (!clients.has(key)) {
    const options = { forceSoap12Headers: soap12, handleNilAsNull: true, disableCache: true, customDeserializer };
    clients.set(key, createClientAsync(wsdl, options));
  }
  return clients.get(key);
}

/** node-soap takes attributes under a name of their own, and nil as one. */
function given(value, attributes) {
  if (value === null) return { attributes: { 'xsi:nil': 'true' } };
  if (Array.isArray(value)) return value.map((item) => given(item, attributes));
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const own = entries.filter(([name]) => attributes.includes(name));
  const rest = entries.filter(([name]) => !attributes.includes(name));
  const fields = Object.fromEntries(rest.map(([name, item]) => [name, given(item, attributes)]));
  return own.length === 0 ? fields : { attributes: Object.fromEntries(own), ...fields };
}

function plain(value) {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') return String(value);
  const { attributes = {}, ...rest } = value;
  const own = Object.entries(attributes).filter(([name]) => !name.includes(':'));
  return Object.fromEntries([...own, ...Object.entries(rest)].map(([name, item]) => [name, plain(item)]));
}

/** The part behind the prefix. */
const local = (code) => String(code).split(':').at(-1);

function faultOf(fault) {
  const detail = fault.detail ?? fault.Detail ?? null;
  const [part] = detail === null ? [] : Object.entries(detail).filter(([name]) => name !== 'attributes');
  const text = fault.faultstring ?? fault.Reason?.Text;
  return {
    kind: 'fault',
    code: local(fault.faultcode ?? fault.Code?.Value),
    reason: typeof text === 'object' && text !== null ? text.$value : text,
    detail: part === undefined ? null : { name: local(part[0]), fields: plain(part[1]?.$value ?? part[1]) },
  };
}

async function answer(call) {
  try {
    const client = await clientOf(call);
    const method = client[call.service][call.port][call.operation];
    const input = given(call.input, call.attributes ?? []);
    const value = await new Promise((resolve, reject) =>
      method(input, (error, result) => (error ? reject(error) : resolve(result)), { timeout: TIMEOUT_MS }),
    );
    return { kind: 'answer', value: plain(value) };
  } catch (error) {
    const fault = error?.root?.Envelope?.Body?.Fault;
    if (fault !== undefined) return faultOf(fault);
    return { kind: 'error', message: String(error?.message ?? error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
