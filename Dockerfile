# A pipeline as a server, without torch: https://docs.docker.com/reference/dockerfile/
# docker build -t spacy-padellm-serve .
# docker run --rm --init --stop-timeout 40 -p 127.0.0.1:8080:8080 spacy-padellm-serve
FROM python:3.11-slim AS build
WORKDIR /source
# What it depends on comes first: a change of the source installs that alone again.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *project["optional-dependencies"]["serve"], sep="\n")' > needed.txt \
    && python -m venv /venv && /venv/bin/pip install --no-cache-dir -c constraints.txt -r needed.txt
COPY README.md LICENSE ./
COPY LICENSES LICENSES
COPY spacy_padellm spacy_padellm
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
COPY --from=build /venv /venv
# The port is that of the command and of its health check.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HF_HOME=/tmp/huggingface SPACY_PADELLM_PORT=8080
WORKDIR /tmp
# A number, so that orchestrators see that it is not root.
USER 10001:10001
EXPOSE 8080
# /ready turns 503, then what was accepted is answered.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.build_opener(web.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['SPACY_PADELLM_PORT'] + '/health', timeout=2)"]
ENTRYPOINT ["python", "-m", "spacy", "padellm", "serve", "--host", "0.0.0.0"]
CMD ["--pipeline", "english"]
