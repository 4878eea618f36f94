"""docker-compose.yml, Dockerfile and .env.example fit each other, the project and Airflow's own command line."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compose_file import COMPOSE, ROOT, VARIABLE, example, filled
from seamwatch.adapters.connections import EnvironmentConnections, database_url


def with_secret(secret: str) -> Any:
    """Return the compose file with every secret, and all else that the example leaves empty, filled by `secret`."""
    return filled({name: value or secret for name, value in example().items()})


def variables() -> dict[str, tuple[str, str]]:
    """Return how each variable is used: `:?` and its message, or `:-` and its default."""
    found: dict[str, tuple[str, str]] = {}
    for match in VARIABLE.finditer(COMPOSE.read_text()):
        if match["name"]:
            use = (match["how"] or "", match["text"] or "")
            assert found.setdefault(match["name"], use) == use, f"{match['name']} is used in two ways"
    return found


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return with_secret("0a1b2c")["services"]


def airflow_services(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if name.startswith("airflow-")}


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_is_explained_in_the_example_and_none_is_left_over() -> None:
    assert set(variables()) == set(example())


def test_what_must_be_set_is_empty_in_the_example_and_the_rest_has_the_same_default() -> None:
    for name, (how, text) in variables().items():
        if how == ":?":
            assert text == f"set {name} in .env"
            assert example()[name] == "", f"{name} must not come with a value that people keep"
        else:
            assert (how, text) == (":-", example()[name])


def test_no_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    must = {name for name, (how, _) in variables().items() if how == ":?"}
    assert must == {name for name in example() if name.endswith(("PASSWORD", "SECRET", "_KEY"))}
    other = with_secret("f9e8d7")["services"]
    secret = re.compile("PASSWORD|SECRET|_KEY$|AUTH$|BROKER_URL|RESULT_BACKEND|ALCHEMY_CONN|STORE$")
    found = [(name, key) for name, service in services.items() for key in service["environment"] if secret.search(key)]
    assert len({key for _, key in found}) == 10
    for name, key in found:
        assert services[name]["environment"][key] != other[name]["environment"][key], (name, key)


def test_services_wait_for_what_exists_and_can_become_ready(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for target, how in service.get("depends_on", {}).items():
            assert target in services, (name, target)
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[target], (name, target)
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[target]["restart"] == "no"


def test_every_part_of_airflow_is_there_and_watched(services: dict[str, Any]) -> None:
    parts = {"init", "apiserver", "scheduler", "dag-processor", "worker", "triggerer"}
    assert set(airflow_services(services)) == {f"airflow-{part}" for part in parts}
    for name, service in services.items():
        assert ("healthcheck" in service) == (name != "airflow-init"), name


def test_all_parts_share_settings_and_folders(services: dict[str, Any]) -> None:
    parts = list(airflow_services(services).values())
    for part in parts:
        settings = {
            key: value for key, value in part["environment"].items() if key.startswith(("AIRFLOW_", "SEAMWATCH"))
        }
        assert settings == {key: parts[0]["environment"].get(key) for key in settings}
        assert len(settings) == len(parts[1]["environment"])
        assert part["volumes"] == parts[0]["volumes"]


def test_versions_are_pinned_and_airflow_is_the_one_that_was_tested(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?", service["image"]), name
    pinned = re.search(r"^apache-airflow==(\S+)", (ROOT / "constraints/requirements.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"FROM apache/airflow:{pinned[1]}-python3.12\n" in (ROOT / "Dockerfile").read_text()
    assert f'version = "{services["airflow-init"]["image"].partition(":")[2]}"' in (ROOT / "pyproject.toml").read_text()


def test_what_people_write_is_mounted_read_only_where_the_image_looks_for_it(services: dict[str, Any]) -> None:
    mounts = [mount.split(":") for mount in services["airflow-worker"]["volumes"]]
    own = {source.removeprefix("./"): (target, mode) for source, target, *mode in mounts if source.startswith("./")}
    assert set(own) == {"dags", "plugins", "expectations", "include/pipelines", "include/mappings"}
    for folder, (target, mode) in own.items():
        assert (ROOT / folder).is_dir()
        assert (target, mode) == (f"/opt/seamwatch/{folder}", ["ro"])
    dockerfile = (ROOT / "Dockerfile").read_text()
    for setting in (
        "AIRFLOW__CORE__DAGS_FOLDER=/opt/seamwatch/dags",
        "AIRFLOW__CORE__PLUGINS_FOLDER=/opt/seamwatch/plugins",
        "SEAMWATCH_PROJECT_DIR=/opt/seamwatch",
        "SEAMWATCH_DATA_DIR=/opt/seamwatch/data",
    ):
        assert re.search(rf"{re.escape(setting)}(\s|$)", dockerfile), setting


def test_named_volumes_and_configs_are_declared(services: dict[str, Any]) -> None:
    document = with_secret("0a1b2c")
    used = {
        mount.split(":")[0]
        for service in services.values()
        for mount in service.get("volumes", ())
        if not mount.startswith("./")
    }
    assert used == set(document["volumes"])
    assert {config["source"] for config in services["postgres"]["configs"]} == set(document["configs"])


def test_the_ui_listens_on_loopback_unless_told_otherwise(services: dict[str, Any]) -> None:
    assert services["airflow-apiserver"]["ports"] == ["127.0.0.1:8080:8080"]
    assert [name for name, service in services.items() if "ports" in service] == ["airflow-apiserver"]


def test_the_store_is_the_database_that_is_created_for_it(services: dict[str, Any]) -> None:
    value = services["airflow-worker"]["environment"]["AIRFLOW_CONN_SEAMWATCH_STORE"]
    url = database_url(EnvironmentConnections({"AIRFLOW_CONN_SEAMWATCH_STORE": value}).get("seamwatch_store"))
    assert (url.get_backend_name(), url.host, url.username, url.password, url.database) == (
        "postgresql",
        "postgres",
        "seamwatch",
        "0a1b2c",
        "seamwatch",
    )
    sql = with_secret("0a1b2c")["configs"]["create-store"]["content"]
    assert sql.splitlines() == [
        "CREATE ROLE seamwatch LOGIN PASSWORD '0a1b2c';",
        "CREATE DATABASE seamwatch OWNER seamwatch;",
    ]


def test_what_takes_buttons_of_slack_starts_only_where_it_is_asked_for(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "profiles" in service] == ["seamwatch-slack"]
    service = services["seamwatch-slack"]
    assert (service["profiles"], service["command"]) == (["slack"], ["bash", "-euc", "exec seamwatch slack"])
    assert service["volumes"] == services["airflow-worker"]["volumes"]


def test_the_image_copies_what_exists_and_what_the_build_may_see() -> None:
    seen = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for line in re.findall(r"^COPY (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        copied |= {word for word in line.split()[:-1] if not word.startswith("--")}
    assert copied == seen
    assert all((ROOT / name).exists() for name in copied)


def test_airflow_and_seamwatch_know_every_command(services: dict[str, Any], tmp_path: Path) -> None:
    script = services["airflow-init"]["command"][2].replace("\\\n", " ").splitlines()
    commands = [shlex.split(line) for line in script if line.strip()]
    commands += [
        ["airflow", *shlex.split(s["command"])] for s in services.values() if isinstance(s.get("command"), str)
    ]
    checks = [
        service["healthcheck"]["test"] for service in airflow_services(services).values() if "healthcheck" in service
    ]
    commands += [shlex.split(test[1]) for test in checks if test[0] == "CMD-SHELL" and test[1].startswith("airflow ")]
    ours = [command[1:] for command in commands if command[0] == "seamwatch"]
    theirs = [command[1:] for command in commands if command[0] == "airflow"]
    assert (len(ours), len(theirs)) == (1, 9)
    code = (
        "import json, sys\nfrom airflow.cli.cli_parser import get_parser\n"
        "for words in json.loads(sys.argv[1]): get_parser().parse_args(words)"
    )
    settings = services["airflow-init"]["environment"]
    chosen = {name: settings[name] for name in ("AIRFLOW__CORE__AUTH_MANAGER", "AIRFLOW__CORE__EXECUTOR")}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(theirs)],
        env=os.environ | chosen | {"AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for words in ours:
        program = Path(sys.executable).parent / "seamwatch"
        assert words[0] in subprocess.check_output([program, *words, "--help"], text=True)
