/** Answers that are none, or none that anybody asked for; each may be cut off anywhere. */
export const SCRAPS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n',
  `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`,
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n',
  'HTTP/1.1 200 D\xe9j\xe0 \xff\r\nX: \xff\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not\r\nContent-Length: 10\r\n\r\n',
  'HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nbytes',
  'HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'HTTP/1.1 999 \r\n\r\n',
  'HTTP/1.1 200 OK\r\nX : space\r\nContent-Length: 2\r\n\r\nok',
  '\r\n\r\n\0\0\0',
];
