"""The HTTP layer: routes as data, pydantic validation, problem+json, OpenAPI 3.1."""
