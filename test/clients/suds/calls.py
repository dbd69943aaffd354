"""suds, driven by lines of JSON; see ../zeep/calls.py for what is read and printed.

suds speaks SOAP 1.1 only.
"""

import datetime
import json
import sys

from suds import WebFault, null
from suds.client import Client
from suds.sudsobject import Object

TIMEOUT_SECONDS = 20

clients = {}


def client(wsdl):
    if wsdl not in clients:
        # Nothing is kept on disk between runs: the ports are others each time.
        clients[wsdl] = Client(wsdl, timeout=TIMEOUT_SECONDS, cache=None)
    return clients[wsdl]


def plain(value):
    if value is None:
        return None
    if isinstance(value, Object):
        return {key.lstrip("_"): plain(item) for key, item in value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def given(value, attributes):
    """suds writes None as absent and null() as nil, and knows an attribute by its underscore."""
    if value is None:
        return null()
    if isinstance(value, dict):
        return {("_" + key if key in attributes else key): given(item, attributes) for key, item in value.items()}
    if isinstance(value, list):
        return [given(item, attributes) for item in value]
    return value


def whole(method, value):
    """suds hands out the only child of an answer in the answer's place."""
    children = method.binding.output.returned_types(method)
    return {children[0].name: value} if len(children) == 1 else value


def answer(call):
    try:
        own = client(call["wsdl"])
        services = own.service if len(own.wsdl.services) == 1 else own.service[call["service"]]
        method = services[call["port"]][call["operation"]]
        try:
            value = method(**given(call["input"], call.get("attributes", [])))
            return {"kind": "answer", "value": whole(method.method, plain(value))}
        except WebFault as raised:
            fault = raised.fault
            detail = getattr(fault, "detail", None)
            parts = [] if detail is None else [(name, plain(item)) for name, item in detail]
            return {
                "kind": "fault",
                "code": str(getattr(fault, "faultcode", "")).split(":")[-1] or None,
                "reason": str(getattr(fault, "faultstring", "")),
                "detail": {"name": parts[0][0], "fields": parts[0][1]} if parts else None,
            }
    except Exception as error:  # Whatever it is, the test says that it should not have been.
        return {"kind": "error", "message": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
