"""Real servers on one machine, for development, tests and the demo; never for production.

``mongod`` and ``rabbitmq`` start real servers as child processes on loopback ports,
``mailbox`` receives mail, ``proxy`` breaks connections on purpose.
"""
