/** A certificate that vouches for itself, made when it is needed: keys kept in a repository expire, and look like secrets. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { isIP } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

// X.690: what of DER a certificate is made of.
const INTEGER = 0x02;
const BITS = 0x03;
const OCTETS = 0x04;
const OID = 0x06;
const UTF8 = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...parts: readonly (Buffer | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const { length } = body;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const COMMON_NAME = der(OID, [0x55, 0x04, 0x03]);
const ALTERNATIVE_NAMES = der(OID, [0x55, 0x1d, 0x11]);
const BASIC_CONSTRAINTS = der(OID, [0x55, 0x1d, 0x13]);
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OID, [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
const TRUE = [0x01, 0x01, 0xff];

function time(date: Date): Buffer {
  // Of an ISO date, `YYMMDDHHMMSSZ`.
  return der(UTC_TIME, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`));
}

/** RFC 5280, section 4.2.1.6. */
function alternative(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, name.split('.').map(Number));
  if (name === '::1') return der(0x87, [...Buffer.alloc(15), 1]);
  return der(0x82, Buffer.from(name));
}

/** @param names host names, IPv4 addresses and `::1` */
export function certify(...names: readonly string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from('a test')))));
  const day = 86_400_000;
  const now = Date.now();
  const extensions = der(
    SEQUENCE,
    der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(OCTETS, der(SEQUENCE, TRUE))),
    der(SEQUENCE, ALTERNATIVE_NAMES, der(OCTETS, der(SEQUENCE, ...names.map(alternative)))),
  );
  const signed = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, [2])),
    der(INTEGER, [1], createHash('sha256').update(key).digest().subarray(0, 8)),
    ECDSA_WITH_SHA256,
    name,
    der(SEQUENCE, time(new Date(now - day)), time(new Date(now + day))),
    name,
    key,
    der(0xa3, extensions),
  );
  const signature = sign('sha256', signed, privateKey);
  const cert = der(SEQUENCE, signed, ECDSA_WITH_SHA256, der(BITS, [0], signature)).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${cert.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}
