"""The five services. Each has the same rooms; none imports another.

``__init__``   what it owns, says and hears    ``domain/``     pure rules
``commands``   use cases that change           ``queries``     use cases that read
``api``        routes                          ``schemas``     request and response models
``reactions``  event -> use case               ``store``       documents and indexes
``settings``   its variables                   ``service``     wiring
``operations`` its ``preau`` commands
"""
