"""A pipeline as a server: `POST /v1/extract` for programs, a page for people, one app with one set
of limits. FastAPI and uvicorn are in the extra `serve`; what reads a text needs neither."""
