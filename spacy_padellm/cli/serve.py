"""`python -m spacy padellm serve`: a pipeline as a server."""

import re
from typing import Annotated, Any

from spacy.cli._util import Opt
from wasabi import Printer

from ..extras import need
from ..models.named.box import DEFAULT
from ..tools.pipelines import check_name, open_pipeline
from ..tools.serve.port import check_port
from ..tools.serve.settings import ServeSettings
from .app import padellm_app
from .options import Labels, Pipeline, read_text

KEY_VARIABLE = "SPACY_PADELLM_API_KEY"
PORT_VARIABLE = "SPACY_PADELLM_PORT"  # the image's health check reads it, too
_DEFAULTS = ServeSettings()
_KEY = "What requests must send as `Authorization: Bearer KEY`; none if empty"


@padellm_app.command("serve")
def serve_cli(
    pipeline: Pipeline = DEFAULT,
    labels: Labels = "",
    host: Annotated[
        str, Opt("--host", help="Where to listen; only this machine reaches 127.0.0.1")
    ] = "127.0.0.1",
    port: Annotated[int, Opt("--port", envvar=PORT_VARIABLE, help="0 takes a free one")] = 8080,
    api_key: Annotated[
        str, Opt("--api-key", envvar=KEY_VARIABLE, help=_KEY, show_default=False)
    ] = "",
    any_labels: Annotated[
        bool, Opt("--any-labels", help="Ask for labels that the model was not trained for, too")
    ] = False,
    limit: Annotated[int, Opt("--limit", help="Longest text, in characters")] = _DEFAULTS.limit,
    max_texts: Annotated[
        int, Opt("--max-texts", help="Most texts in a request")
    ] = _DEFAULTS.max_texts,
    max_bytes: Annotated[
        int, Opt("--max-bytes", help="Most bytes in a request")
    ] = _DEFAULTS.max_bytes,
    timeout: Annotated[
        float,
        Opt(
            "--timeout", help="Seconds for the head of a request to arrive, and again for its body"
        ),
    ] = _DEFAULTS.timeout,
    queue: Annotated[
        int,
        Opt("--queue", help="Texts that may wait; further requests are answered 429"),
    ] = _DEFAULTS.queue,
    batch_size: Annotated[
        int,
        Opt("--batch-size", help="Texts decoded together"),
    ] = _DEFAULTS.batch_size,
    max_wait: Annotated[
        float,
        Opt("--max-wait", help="Milliseconds that a batch waits for more requests"),
    ] = _DEFAULTS.max_wait,
    drain: Annotated[
        float,
        Opt("--drain", help="Seconds between SIGTERM and the stop; /ready says 503 meanwhile"),
    ] = _DEFAULTS.drain,
    stop_timeout: Annotated[
        float,
        Opt("--stop-timeout", help="Seconds that accepted requests have when the server stops"),
    ] = _DEFAULTS.stop_timeout,
    access_log: Annotated[bool, Opt("--access-log", help="Log a line for each request")] = False,
) -> None:
    """Serve a pipeline: POST /v1/extract for programs, a page with a text box for people.

    \b
    POST /v1/extract  entities of one text or of several, with offsets and probabilities
    GET  /            a page that shows what the model finds, and how sure it is
    GET  /docs        the API, described (OpenAPI: /openapi.json)
    GET  /health, /ready, /metrics
    """
    msg = Printer()
    given = dict(locals())
    if not 0 <= port <= 65535:
        msg.fail(f"--port is {port}: give one from 0 to 65535", exits=1)
    try:
        labels = read_text(labels, "--labels")
        settings = _read_settings(given)
        check_port(host, port)
        check_name(pipeline, "--pipeline")
        need("serve", "serve")
        from ..tools.serve.running import heeding_sigterm, run_server
    except ValueError as error:
        msg.fail(str(error), exits=1)
    try:
        with heeding_sigterm():
            nlp, pipe = open_pipeline(pipeline, labels, "--pipeline", without_labels=True)
        run_server(nlp, pipe, host, port, settings)
    except (ValueError, OSError) as error:
        msg.fail(str(error), exits=1)


def _read_settings(given: dict[str, Any]) -> ServeSettings:
    """Raises ValueError, naming the options."""
    known = ServeSettings.__dataclass_fields__
    try:
        return ServeSettings(**{name: value for name, value in given.items() if name in known})
    except ValueError as error:
        said = re.sub(rf"^(?:{'|'.join(known)})\b|`(?:{'|'.join(known)})`", _option, str(error))
        raise ValueError(said) from None


def _option(name: re.Match[str]) -> str:
    """That gives a setting, which a message names."""
    return "--" + name[0].strip("`").replace("_", "-")
