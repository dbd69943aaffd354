/** Requests that are none, or that are odd in some way that a facade meets: each may be cut off anywhere. */
const post = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const UPGRADE = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n';

export const RUBBISH = [
  'garbage\r\n\r\n',
  '\0\0\0\0',
  'GET / HTTP/1.0\r\n\r\n',
  'GET /legacy/rubbish HTTP/1.1\r\n\r\n',
  'GET /new/rubbish HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET /new/rubbish HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n',
  'GET /new/rubbish HTTP/1.1\nHost: a\n\n',
  `GET /new/rubbish HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
  'POST /new/rubbish HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'POST /new/rubbish HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /new/rubbish HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok',
  post('/legacy/rubbish', 'x'.repeat(300_000)),
  `GET /legacy/rubbish HTTP/1.1\r\n${UPGRADE}\r\nearly`,
  `GET /ws/rubbish HTTP/1.1\r\n${UPGRADE}\r\n`,
  `POST /new/rubbish HTTP/1.1\r\n${UPGRADE}Content-Length: 2\r\n\r\nok`,
  post('/soap/OrderService', '<x/>', 'Content-Type: text/xml\r\nContent-Encoding: gzip\r\n'),
  'GET /soap/OrderService?wsdl HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
] as const;
