# The product's images: `docker build --target operator .` and `docker build --target runner .`
# BASE_IMAGE needs python3 ≥ 3.11 and nothing else; BUILD_IMAGE the same Python with pip. Nothing is compiled: every
# dependency comes as a wheel, at the version and with the checksum that uv.lock names.
ARG BASE_IMAGE=docker.io/library/python:3.13.9-slim-bookworm
ARG BUILD_IMAGE=${BASE_IMAGE}

FROM ${BUILD_IMAGE} AS build
ENV UV_PROJECT_ENVIRONMENT=/app \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1 \
    UV_SYSTEM_CERTS=1
WORKDIR /build
COPY tools/setup/uv.json tools/setup/uv.json
RUN python3 -c 'import json; pins = json.load(open("tools/setup/uv.json")); print("uv==" + pins["version"], *("--hash=sha256:" + wheel["sha256"] for wheel in pins["wheels"].values()))' > uv.txt \
    && python3 -m pip install --quiet --no-cache-dir --require-hashes --target /opt/uv --requirement uv.txt
COPY pyproject.toml uv.lock ./
COPY protocol/pyproject.toml protocol/
COPY operator/pyproject.toml operator/
COPY runner/pyproject.toml runner/
COPY cli/pyproject.toml cli/

FROM build AS build-operator
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --package nice-operator --no-install-workspace
COPY protocol protocol
COPY operator operator
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --package nice-operator --no-editable

FROM build AS build-runner
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --package nice-runner --no-install-workspace
COPY protocol protocol
COPY runner runner
RUN /opt/uv/bin/uv sync --quiet --frozen --no-dev --package nice-runner --no-editable

FROM ${BASE_IMAGE} AS runner
COPY --from=build-runner /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["nice-runner"]

FROM ${BASE_IMAGE} AS operator
COPY --from=build-operator /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 9999
ENTRYPOINT ["nice-operator"]
