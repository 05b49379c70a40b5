"""Pages that show the mails received: for the demo, in development only."""

from __future__ import annotations

from aiohttp import web
from jinja2 import Environment

from deploy.local.mailbox import Mail, Mailbox

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { border-bottom: 1px solid GrayText; padding: .4rem .6rem; text-align: left; }
iframe { background: white; border: 1px solid GrayText; height: 32rem; width: 100%; }
pre { border: 1px solid GrayText; overflow-x: auto; padding: .6rem; white-space: pre-wrap; }
:focus-visible { outline: 3px solid Highlight; }
"""

_BASE = """<!doctype html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<link rel="stylesheet" href="/mailbox.css">
</head>
<body>
<main>
<h1>{{ title }}</h1>
"""

_LIST = (
    _BASE
    + """
{% if mails %}
<table>
<caption>{{ mails|length }} courriel{{ "s" if mails|length > 1 }}, le plus récent d’abord</caption>
<thead><tr><th scope="col">Reçu</th><th scope="col">À</th><th scope="col">Objet</th></tr></thead>
<tbody>
{% for mail in mails %}
<tr>
<td><time datetime="{{ mail.received.isoformat() }}">
{{- mail.received.astimezone().strftime("%d/%m/%Y %H:%M:%S") }}</time></td>
<td>{{ mail.to|join(", ") }}</td>
<td><a href="/mailbox/{{ mail.number }}">{{ mail.subject or "(sans objet)" }}</a></td>
</tr>
{% endfor %}
</tbody>
</table>
{% else %}
<p>Aucun courriel reçu pour l’instant.</p>
{% endif %}
</main>
</body>
</html>
"""
)

_ONE = (
    _BASE
    + """
<p><a href="/mailbox">Tous les courriels</a></p>
<p>Reçu le {{ mail.received.astimezone().strftime("%d/%m/%Y à %H:%M:%S") }},
pour {{ mail.to|join(", ") }}</p>
{% if mail.html is not none %}
<h2>Version mise en page</h2>
<iframe sandbox src="/mailbox/{{ mail.number }}/html" title="Version mise en page"></iframe>
{% endif %}
{% if mail.text is not none %}
<h2>Version texte</h2>
<pre tabindex="0" role="region" aria-label="Version texte">{{ mail.text }}</pre>
{% endif %}
<h2>En-têtes</h2>
<table>
<thead><tr><th scope="col">Nom</th><th scope="col">Valeur</th></tr></thead>
<tbody>
{% for name, value in mail.headers %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</tbody>
</table>
</main>
</body>
</html>
"""
)

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# A mail is somebody else's HTML: no script, no picture from afar, no origin of its own.
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def mailbox_routes(mailbox: Mailbox) -> list[web.RouteDef]:
    """The routes ``/mailbox``, ``/mailbox/{n}``, ``/mailbox/{n}/html``, ``/mailbox.json``.

    The JSON is ``{"mails": [{number, to, subject, message_id, received, text, html}]}``,
    oldest first, and takes ``?to=<address>``. An unknown number is answered 404.
    """
    pages = _Pages(mailbox)
    return [
        web.get("/mailbox", pages.everything),
        web.get("/mailbox.json", pages.data),
        web.get("/mailbox.css", pages.style),
        web.get(r"/mailbox/{number:\d{1,9}}", pages.one),
        web.get(r"/mailbox/{number:\d{1,9}}/html", pages.html),
    ]


class _Pages:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        templates = Environment(autoescape=True)
        self._list = templates.from_string(_LIST)
        self._one = templates.from_string(_ONE)

    async def everything(self, _request: web.Request) -> web.Response:
        mails = self._mailbox.messages[::-1]
        return _page(self._list.render(title="Courriels reçus", mails=mails), _PAGE_POLICY)

    async def one(self, request: web.Request) -> web.Response:
        mail = self._find(request)
        title = mail.subject or "(sans objet)"
        return _page(self._one.render(title=title, mail=mail), _PAGE_POLICY)

    async def html(self, request: web.Request) -> web.Response:
        html = self._find(request).html
        if html is None:
            raise web.HTTPNotFound
        return _page(html, _MAIL_POLICY)

    async def style(self, _request: web.Request) -> web.Response:
        return web.Response(text=_STYLE, content_type="text/css")

    async def data(self, request: web.Request) -> web.Response:
        address = request.query.get("to")
        mails = self._mailbox.messages if address is None else self._mailbox.to(address)
        return web.json_response(
            {
                "mails": [
                    {
                        "number": mail.number,
                        "to": mail.to,
                        "subject": mail.subject,
                        "message_id": mail.message_id,
                        "received": mail.received.isoformat(),
                        "text": mail.text,
                        "html": mail.html,
                    }
                    for mail in mails
                ]
            },
            headers={"Cache-Control": "no-store"},
        )

    def _find(self, request: web.Request) -> Mail:
        number = int(request.match_info["number"])
        for mail in self._mailbox.messages:
            if mail.number == number:
                return mail
        raise web.HTTPNotFound


def _page(text: str, policy: str) -> web.Response:
    return web.Response(
        text=text,
        content_type="text/html",
        headers={
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
