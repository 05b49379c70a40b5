"""What a handler gives, as an HTTP answer."""

from __future__ import annotations

import re
from urllib.parse import quote

import orjson
from aiohttp import hdrs, web

from shared.web.conditional import entity_tag, is_known
from shared.web.routes import Answer, Empty, File, Plain, Redirect, Route, Versioned


def answered(request: web.Request, route: Route, found: Answer) -> web.Response:
    """The answer of ``route``: JSON, a file, nothing (204), that nothing changed (304), or where
    the browser goes on (303)."""
    if isinstance(found, File):
        return _file(found, route.status)
    if isinstance(found, Redirect):
        headers = {hdrs.LOCATION: found.location, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(status=303, headers=headers)
    answer = found.answer if isinstance(found, Versioned) else found
    if isinstance(answer, Empty):
        return web.Response(status=204)
    if isinstance(answer, Plain):
        body = orjson.dumps(answer.content)
    else:
        body = answer.__pydantic_serializer__.to_json(answer)
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    if isinstance(found, Versioned):
        headers[hdrs.ETAG] = tag = entity_tag(found.version, body)
        known = request.headers.getall(hdrs.IF_NONE_MATCH, ())
        if request.method == hdrs.METH_GET and is_known(known, tag):
            return web.Response(status=304, headers=headers)
    return web.Response(
        body=body, status=route.status, content_type="application/json", headers=headers
    )


def _file(file: File, status: int) -> web.Response:
    """A file to save: nothing in it runs in the origin of the portal."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", file.name)
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    headers = {
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.CONTENT_DISPOSITION: named,
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(
        body=file.content, status=status, content_type=file.media_type, headers=headers
    )
