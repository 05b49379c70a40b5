"""Published events, one module per publishing service, and nothing else.

``town_file`` is what *town-changed* carries: a town's own rules, as data.
"""
