"""The bus: one port, two transports (RabbitMQ; MongoDB for development), one consumer."""
