# Airflow with Seamwatch and exactly the versions that the tests ran with. Mounted folders (docker-compose.yml) override
# the copies of what people write; the package itself is part of the image.
FROM apache/airflow:3.3.2-python3.12

USER root
RUN install --directory --owner=airflow --group=root --mode=0775 /opt/seamwatch /opt/seamwatch/data
USER airflow
WORKDIR /opt/seamwatch

# The dependencies first: a change of our own code then rebuilds only the last layers.
COPY --chown=airflow:root pyproject.toml README.md LICENSE ./
COPY --chown=airflow:root constraints constraints
RUN uv pip install --no-cache --compile-bytecode --constraint constraints/requirements.txt \
      --extra postgres --extra cluster --requirements pyproject.toml

COPY --chown=airflow:root include include
RUN uv pip install --no-cache --compile-bytecode --no-deps .

COPY --chown=airflow:root dags dags
COPY --chown=airflow:root plugins plugins
COPY --chown=airflow:root expectations expectations

ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/seamwatch/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/seamwatch/plugins \
    SEAMWATCH_PROJECT_DIR=/opt/seamwatch \
    SEAMWATCH_DATA_DIR=/opt/seamwatch/data
