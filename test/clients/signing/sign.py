"""Signs SOAP messages as WS-Security has it, line by line of JSON.

Usage: sign.py KEY CERTIFICATE. Each line: {"message": text, "encoding": name}. Each is answered by the signed message in that encoding,
as base64 in a JSON string.
"""

import base64
import json
import sys

import xmlsec
from lxml import etree
from zeep.wsse.signature import BinarySignature

key, certificate = sys.argv[1:3]
wsse = BinarySignature(key, certificate, None, xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)

for line in sys.stdin:
    asked = json.loads(line)
    envelope, _ = wsse.apply(etree.fromstring(asked["message"].encode()), {})
    signed = etree.tostring(envelope, encoding=asked["encoding"], xml_declaration=True)
    print(json.dumps(base64.b64encode(signed).decode()), flush=True)
