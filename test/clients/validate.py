"""Holds SOAP messages against schemas, line by line of JSON.

Each line: {"schema": FILE of the body's element and of details, "message": base64 of the bytes}. Each is answered by a list of what is
wrong, empty when nothing is: the envelope by its version's schema, the element in the body (or in a fault's detail, unless it is the
facade's own) by the given one.
"""

import base64
import json
import os
import sys

import xmlschema
from lxml import etree

ENVELOPES = {
    "http://schemas.xmlsoap.org/soap/envelope/": os.path.join(
        os.path.dirname(xmlschema.__file__), "schemas", "WSDL", "soap-envelope.xsd"
    ),
    "http://www.w3.org/2003/05/soap-envelope": os.path.join(os.path.dirname(os.path.abspath(__file__)), "wsdl", "envelope12.xsd"),
}
OWN = "urn:banyan:gateway"

schemas = {}


def schema(file):
    if file not in schemas:
        schemas[file] = etree.XMLSchema(etree.parse(file))
    return schemas[file]


def errors(file, element):
    judge = schema(file)
    # On its own, as a document: the envelope around it is another schema's business.
    judge.validate(etree.ElementTree(etree.fromstring(etree.tostring(element))))
    return [f"{error.line}: {error.message}" for error in judge.error_log]


def judge(file, message):
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(message, parser)
    except etree.XMLSyntaxError as error:
        return [f"not well-formed: {error}"]
    namespace = etree.QName(root).namespace
    if namespace not in ENVELOPES:
        return [f"no envelope: {root.tag}"]
    found = errors(ENVELOPES[namespace], root)
    body = root.find(f"{{{namespace}}}Body")
    content = [] if body is None else list(body)
    fault = root.find(f".//{{{namespace}}}Fault")
    if fault is not None:
        detail = fault.find("detail") if fault.find("detail") is not None else fault.find(f"{{{namespace}}}Detail")
        content = [] if detail is None else list(detail)
    for element in content:
        if etree.QName(element).namespace != OWN:
            found += errors(file, element)
    return found


for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(judge(asked["schema"], base64.b64decode(asked["message"]))), flush=True)
