"""Calls the order service's SOAP operations through the facade with zeep, and prints what zeep understood as one JSON object.

Usage: zeep_calls.py WSDL_URL. The WSDL and its schemas are fetched from there too, so their addresses must lead to the facade.
"""

import json
import sys

import requests
from zeep import Client, Settings
from zeep.exceptions import Fault
from zeep.transports import Transport

TIMEOUT_SECONDS = 20

url = sys.argv[1]
served = []


class Session(requests.Session):
    """Notes which side served each answer, as the facade says it."""

    def send(self, request, **options):
        answer = super().send(request, **options)
        served.append([request.method, request.url, answer.headers.get("banyan-served-by"), answer.headers.get("banyan-route")])
        return answer


def client():
    transport = Transport(session=Session(), timeout=TIMEOUT_SECONDS, operation_timeout=TIMEOUT_SECONDS)
    return Client(url, transport=transport, settings=Settings(strict=True))


def order(service):
    found = service.GetOrder(orderId="42")
    return {
        "orderId": found.orderId,
        "status": str(found.status),
        "total": str(found.total),
        "items": len(found["items"]),
        "city": found.pickupAddress.city,
        "pickupDate": found.pickupDate.isoformat(),
    }


def fault(service):
    try:
        service.GetOrder(orderId="no-such-order")
    except Fault as raised:
        detail = raised.detail
        return {"message": raised.message, "detail": None if detail is None else [child.tag for child in detail]}
    return None


result = {}
for binding in ("Soap11", "Soap12"):
    service = client().bind("OrderService", "OrderService" + binding)
    orders = service.ListOrders(page=0, size=5)
    result[binding] = {"order": order(service), "fault": fault(service), "listed": len(orders.order), "of": orders.totalCount}
result["served"] = served
print(json.dumps(result))
