"""The Airflow edge: DAGs, operators, UI."""
