"""The description of the API for programs: an OpenAPI 3.1 document."""
