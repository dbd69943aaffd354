import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readRouting } from '@banyan/gateway/routing';
import { servicesOf } from '@banyan/gateway/soap';
import { expect, onTestFinished, test } from 'vitest';

// `banyan soap scaffold`: what it prints is a routing file but for its upstreams, and says nothing that nobody declared.

const root = fileURLToPath(new URL('../../../', import.meta.url));
const HEAD = 'version: 1\nupstreams: { legacy: "http://127.0.0.1:1", orders: "http://127.0.0.1:2" }\ndefault: legacy\n';

async function banyan(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(root, 'gateway/bin/banyan.js'), ...args],
      {
        cwd: root,
      },
    );
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

const read = (text: string): ReturnType<typeof readRouting> => readRouting(text, {}, '2026-01-01');

test.each([
  ['OrderService', 6],
  ['VoyageService', 2],
])('the routes of %s are valid as they stand, stay with legacy, and count as writes', async (name, count) => {
  const { code, out } = await banyan('soap', 'scaffold', `legacy-monolith/wsdl/${name}.wsdl`, '--upstream', 'orders');
  expect(code).toBe(0);
  const loaded = read(HEAD + out.replace('legacy-monolith/', `${root}legacy-monolith/`));
  if (loaded.kind === 'rejected') throw new Error(JSON.stringify(loaded.problems));
  const { routes } = loaded.table;
  expect(routes.map(({ stage, effect, successor }) => [stage.kind, effect, successor])).toEqual(
    Array.from({ length: count }, () => ['legacy', 'write', null]),
  );
  const service = (await servicesOf(loaded.table)).get(`/soap/${name}`);
  expect(service?.routes.size).toBe(count);
});

test('what is left to the operator is refused where it is left', async () => {
  const { out } = await banyan('soap', 'scaffold', 'legacy-monolith/wsdl/OrderService.wsdl', '--upstream', 'orders');
  expect(out).toMatch(/# {3}rest: METHOD \/path\/\{orderId\}/);
  const bare = out.replaceAll(/^( {4})# (new:|effect: read|  (?:upstream|rest|response|faults):)/gm, '$1$2');
  const loaded = read(HEAD + bare);
  if (loaded.kind === 'accepted') throw new Error('it was accepted');
  expect(loaded.problems.map(({ message }) => message)).toEqual(
    expect.arrayContaining([
      expect.stringContaining('soap-get-order.new.rest: "METHOD" is not a method of a bridge: expected GET'),
      expect.stringContaining('soap-get-order.new.faults.STATUS: expected a status of an error, such as 404'),
    ]),
  );
});

test('operations of one name, odd names and shared elements still make a valid file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-scaffold-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'Odd.wsdl');
  const operations = ['Get', 'Get', 'Größe-Ändern', 'Other'];
  const elements = ['A', 'B', 'C', 'C'];
  await writeFile(
    file,
    `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><x:schema targetNamespace="urn:t">${['A', 'B', 'C'].map((name) => `<x:element name="${name}" type="x:string"/>`).join('')}</x:schema></w:types>
${elements.map((element, at) => `<w:message name="m${at}"><w:part name="p" element="t:${element}"/></w:message>`).join('')}
<w:portType name="P">${operations.map((name, at) => `<w:operation name="${name}"><w:input name="i${at}" message="t:m${at}"/></w:operation>`).join('')}</w:portType>
<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>${operations.map((name, at) => `<w:operation name="${name}"><s:operation soapAction="urn:a${at}"/><w:input name="i${at}"><s:body use="literal"/></w:input></w:operation>`).join('')}</w:binding>
<w:service name="S"><w:port name="p" binding="t:B"><s:address location="http://a/"/></w:port></w:service></w:definitions>`,
  );
  const { code, out } = await banyan('soap', 'scaffold', file, '--path', '/odd', '--json');
  expect(code).toBe(0);
  const { yaml, path } = JSON.parse(out) as { yaml: string; path: string };
  expect(path).toBe('/odd');
  expect(yaml).toMatch(
    /match: "SOAP \/odd \{urn:t\}A"[\s\S]*match: "SOAP \/odd \{urn:t\}B"[\s\S]*cannot be bridged: another operation takes/,
  );
  expect(read(HEAD + yaml)).toMatchObject({ kind: 'accepted' });
});

test.each([
  [['soap'], 2],
  [['soap', 'nonsense'], 2],
  [['soap', 'scaffold'], 2],
  [['soap', 'scaffold', 'no.wsdl'], 2],
  [['soap', 'scaffold', 'legacy-monolith/wsdl/OrderService.wsdl', '--path', 'x y'], 2],
])('%j is answered with its mistake', async (args, code) => {
  const said = await banyan(...args);
  expect([said.code, said.out, said.err === '']).toEqual([code, '', false]);
});
