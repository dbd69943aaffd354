"""zeep, driven by lines of JSON.

Each line of standard input names a WSDL, a port, an operation and its input; each is answered by a line that says what zeep understood:
{"kind": "answer", "value"}, {"kind": "fault", "code", "reason", "detail"}, or {"kind": "error", "message"} where it took the answer
for no fault. Scalars are texts, nil and absent are null.
"""

import datetime
import json
import sys

from lxml import etree
from zeep import Client, Settings
from zeep.exceptions import Fault, LookupError, NamespaceError
from zeep.helpers import serialize_object
from zeep.transports import Transport

TIMEOUT_SECONDS = 20

clients = {}


def signing(call):
    """Signs what goes and verifies what comes, where the call names a key."""
    if "key" not in call:
        return None
    import xmlsec
    from zeep.wsse.signature import BinarySignature

    methods = (xmlsec.Transform.RSA_SHA256, xmlsec.Transform.SHA256)
    return BinarySignature(call["key"], call["certificate"], None, *methods)


def service(call):
    key = (call["wsdl"], call["port"])
    if key not in clients:
        if call["wsdl"] not in clients:
            transport = Transport(timeout=TIMEOUT_SECONDS, operation_timeout=TIMEOUT_SECONDS)
            settings = Settings(strict=True)
            clients[call["wsdl"]] = Client(call["wsdl"], transport=transport, settings=settings, wsse=signing(call))
        clients[key] = clients[call["wsdl"]].bind(call["service"], call["port"])
    return clients[call["wsdl"]], clients[key]


def plain(value):
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def nil(client, value):
    """None means absent to zeep; in a list it is nil already."""
    from zeep.xsd import Nil

    if isinstance(value, dict):
        return {key: Nil if item is None else nil(client, item) for key, item in value.items()}
    if isinstance(value, list):
        return [item if item is None else nil(client, item) for item in value]
    return value


def typed(client, detail):
    """The first element of a fault's detail, decoded by the schema where the schema has it."""
    if detail is None or len(detail) == 0:
        return None
    first = detail[0]
    name = etree.QName(first).localname
    try:
        element = client.get_element(first.tag)
        return {"name": name, "fields": plain(serialize_object(element.parse(first, client.wsdl.types), dict))}
    except (LookupError, NamespaceError):
        return {"name": name, "fields": first.text}


def whole(port, operation, value):
    """zeep hands out the only child of an answer in the answer's place."""
    output = port._binding.get(operation).output
    names = [] if output is None else [name for name, _ in output.body.type.elements]
    return {names[0]: value} if len(names) == 1 else value


def answer(call):
    try:
        client, port = service(call)
        try:
            value = port[call["operation"]](**nil(client, call["input"]))
            return {"kind": "answer", "value": whole(port, call["operation"], plain(serialize_object(value, dict)))}
        except Fault as raised:
            code = None if raised.code is None else str(raised.code).split(":")[-1]
            detail = typed(client, raised.detail)
            return {"kind": "fault", "code": code, "reason": raised.message, "detail": detail}
    except Exception as error:  # Whatever it is, the test says that it should not have been.
        return {"kind": "error", "message": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
