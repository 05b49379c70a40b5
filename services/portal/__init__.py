"""The pages of families and agents: a front end like any other.

It owns nothing and keeps nothing: what it shows and does goes over HTTP through the gateway, with
the bearer's own token, and what it cannot do there the public API must learn. A login session is
a sealed cookie (``sessions``), so that any replica answers any request.

``gateway``    the one door to the API          ``pages/``     handlers, one module per part
``sessions``   sealed cookies, forms' tokens    ``templates``  what is shown, in French
``web``        a page and the visit of it       ``static``     style, icons, the small script
``serving``    from a request to an answer      ``answers``    a dossier's fields, from a form
``service``    wiring                           ``settings``   its variables
"""
