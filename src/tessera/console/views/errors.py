"""Pages for what went wrong. The API under `/api/` answers with documents instead (see `tessera.api`)."""

import sys

import psycopg
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from tessera.console.admission import API

_TITLES = {400: "Bad request", 403: "Forbidden", 404: "Not found", 503: "Database away"}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "console/errors/400.html", 400)


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """The role does not allow it, or (with a `reason`) the form's token was not the session's."""
    return _page(request, "console/errors/403.html", 403, csrf=bool(reason))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "console/errors/404.html", 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Something failed in us, or the database is away (503): a page that needs neither it nor the session."""
    away = isinstance(sys.exc_info()[1], psycopg.OperationalError | OperationalError)
    status = 503 if away else 500
    if _is_api(request):
        response: HttpResponse = _document(status)
    else:
        response = HttpResponse(render_to_string("console/errors/500.html", {"away": away}), status=status)
    if away:
        response["Retry-After"] = "5"
    return response


def _page(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    return _document(status) if _is_api(request) else render(request, template, context, status=status)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API)


def _document(status: int) -> HttpResponse:
    title = _TITLES.get(status, "Internal error")
    code = title.lower().replace(" ", "_")
    document = {"type": "about:blank", "title": title, "status": status, "code": code}
    return JsonResponse(document, status=status, content_type="application/problem+json")
