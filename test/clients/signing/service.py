"""The voyage service, for callers who sign: it verifies each message's WS-Security signature over the body, and signs its answers.

Usage: service.py KEY CERTIFICATE FOLDER_OF_WSDLS. Prints `ready PORT`. A message that does not verify is answered by a fault.
"""

import gzip
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import xmlsec
from lxml import etree
from zeep import ns
from zeep.exceptions import SignatureVerificationFailed
from zeep.wsse.signature import BinarySignature

key, certificate, folder = sys.argv[1:4]
wsse = BinarySignature(key, certificate, None, xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)
VOYAGES = "http://reeferdesk.example/voyages/v1"
VOYAGE = """<v:GetVoyageResponse xmlns:v="http://reeferdesk.example/voyages/v1" xmlns:t="http://reeferdesk.example/types/v1"><v:voyage>
<v:voyageId>V-00001</v:voyageId><v:vessel>Nuestra Señora del Frío</v:vessel>
<v:origin><t:code>DEHAM</t:code><t:city>Hamburg</t:city><t:country>DE</t:country></v:origin>
<v:destination><t:code>SGSIN</t:code><t:city>Singapore</t:city><t:country>SG</t:country></v:destination>
<v:departs>2026-03-02T08:30:00</v:departs><v:arrives>2026-04-02T08:30:00</v:arrives>
<v:capacity>9</v:capacity><v:booked>1</v:booked><v:free>8</v:free><v:status>SCHEDULED</v:status></v:voyage></v:GetVoyageResponse>"""


def verified(data):
    """The envelope's namespace, and why the message is not as it was signed; None when it is."""
    envelope = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    soap = etree.QName(envelope).namespace
    body = envelope.find(f"{{{soap}}}Body")
    identity = body.get(f"{{{ns.WSU}}}Id")
    references = envelope.xpath("//ds:SignedInfo/ds:Reference/@URI", namespaces={"ds": ns.DS})
    if identity is None or f"#{identity}" not in references:
        return soap, "the body is not signed"
    try:
        wsse.verify(envelope)
    except SignatureVerificationFailed:
        return soap, "the signature does not verify"
    return soap, None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        name = os.path.basename(path)
        with open(os.path.join(folder, f"{name}.wsdl" if query.lower() == "wsdl" else name), "rb") as file:
            self.say(200, "text/xml; charset=utf-8", file.read())

    def do_POST(self):
        data = self.body()
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        soap, because = verified(data)
        content = VOYAGE if because is None else fault(soap, because)
        envelope = etree.fromstring(f'<e:Envelope xmlns:e="{soap}"><e:Body>{content}</e:Body></e:Envelope>')
        wsse.apply(envelope, {})
        media = "text/xml" if soap == ns.SOAP_ENV_11 else "application/soap+xml"
        self.say(200 if because is None else 500, f"{media}; charset=utf-8", etree.tostring(envelope, encoding="utf-8"))

    def body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def say(self, status, media, data):
        self.send_response(status)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def fault(soap, because):
    if soap == ns.SOAP_ENV_11:
        return f"<e:Fault><faultcode>e:Client</faultcode><faultstring>{because}</faultstring></e:Fault>"
    text = f'<e:Reason><e:Text xml:lang="en">{because}</e:Text></e:Reason>'
    return f"<e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>{text}</e:Fault>"


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"ready {server.server_address[1]}", flush=True)
server.serve_forever()
