/** Schemas of the tests, written where they are used. */
import { schemasOf, type Schemas } from '@banyan/gateway/core/soap/schema';
import { parseTree } from '@banyan/gateway/core/soap/tree';

/** The target namespace, with the prefix `t`. */
export const TNS = 'urn:test';

/** The text of a schema of `body`, in which `xs:` and `t:` are bound and local elements are qualified where `form` says so. */
export function schemaText(body: string, form: 'qualified' | 'unqualified' = 'unqualified'): string {
  return `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="${TNS}" targetNamespace="${TNS}" elementFormDefault="${form}">${body}</xs:schema>`;
}

export function schemas(body: string, form: 'qualified' | 'unqualified' = 'unqualified'): Schemas {
  const parsed = parseTree(schemaText(body, form));
  if (parsed.kind !== 'tree') throw new Error(parsed.because);
  return schemasOf([{ file: 't.xsd', root: parsed.root, namespace: TNS }]);
}
