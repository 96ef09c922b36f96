# The application (the last stage): gunicorn, Celery and the management commands; docker-compose.yml says which. Before it,
# three programs of others with the files of ours that they start from, so that a new version brings these, too.

FROM nginx:1.31.3-alpine AS edge
# Readable whatever the umask of the checkout was.
COPY --chmod=0755 deploy/nginx /etc/rx/nginx
COPY --chmod=0755 deploy/compose/nginx.sh /etc/rx/start.sh

FROM nginx:1.31.3-alpine AS gate
COPY --chmod=0755 deploy/compose/s3-gate.conf /etc/rx/s3-gate.conf

FROM chrislusf/seaweedfs:4.48 AS objects
COPY --chmod=0755 deploy/compose/seaweedfs.sh /etc/rx/start.sh

FROM python:3.11.15-slim-trixie AS base

# --- Packages: only what requirements.txt names, byte for byte ----------------------------------------------
FROM base AS packages
COPY requirements.txt requirements-telemetry.txt /tmp/
# yes: also what sends traces and errors to collectors of yours.
ARG TELEMETRY=no
# The environment gets no pip of its own: nothing installs anything later.
RUN python -m venv --without-pip /opt/venv \
    && if [ "$TELEMETRY" != yes ]; then : >/tmp/requirements-telemetry.txt; fi \
    && pip --python /opt/venv/bin/python install --no-cache-dir --only-binary=:all: \
        --require-hashes -r /tmp/requirements.txt -r /tmp/requirements-telemetry.txt

# --- The viewer of the review page, and the fonts of PDF pages that bring none ------------------------------
FROM node:24.11.1-alpine AS front
WORKDIR /front
COPY package.json package-lock.json ./
# Of the fonts, only the styles that transforms/fonts/files.py names; a test compares.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && find node_modules/@expo-google-fonts -type f ! -name LICENSE_FONT ! -name '*_400Regular.ttf' \
        ! -name '[ACT]*_700Bold.ttf' ! -name '[ACT]*_400Regular_Italic.ttf' ! -name '[ACT]*_700Bold_Italic.ttf' -delete

# --- Our own files ------------------------------------------------------------------------------------------
FROM base AS files
WORKDIR /app
COPY manage.py ./
COPY deploy/compose/certificates.py deploy/compose/make_buckets.py deploy/compose/objects.py deploy/compose/
COPY transforms transforms
COPY prescriptions prescriptions
COPY rxproject rxproject
COPY docs/reference/problems.md docs/reference/
# What people are spoken to in, compiled.
COPY --from=packages /opt/venv /opt/venv
RUN /opt/venv/bin/python -m prescriptions.languages.catalogues
# Copied files keep the modes of the checkout, which a strict umask closes to the image's user. And as the file system is
# read-only later, without the second command every start would compile the project again.
RUN chmod -R a+rX . && python -m compileall -q .

# --- The image ----------------------------------------------------------------------------------------------
FROM base AS app
# poppler-utils is the second PDF engine (RX_PDF_ENGINES), poppler-data its tables of East Asian letters.
# /var/log/rx is where the volume of access logs gets its owner from: nginx's user writes there, ours reads. The volumes
# below /tls get theirs in the same way: we write there, and of the others each server reads its own.
# Debian removes superseded versions from its mirrors, so a pinned one would soon not install.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends poppler-data poppler-utils \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 rx \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rx \
    && install -d -o 101 -g 10001 -m 2750 /var/log/rx \
    && install -d -o 10001 -g 10001 -m 0700 /tls/authority \
    && install -d -o 10001 -g 10001 -m 0755 /tls/trust \
    && install -d -o 10001 -g 10001 -m 2750 /tls/web /tls/beat \
    && install -d -o 10001 -g 70 -m 2750 /tls/postgres \
    && install -d -o 10001 -g 1000 -m 2750 /tls/valkey /tls/s3 \
    && install -d -o 10001 -g 101 -m 2750 /tls/gate
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=rxproject.settings
WORKDIR /app
COPY --from=front /front/node_modules node_modules
COPY --from=files /app ./
USER 10001:10001
EXPOSE 8000
CMD ["python", "manage.py", "check"]
