"""Seamwatch: whose fault was the wrong answer? Reliability engineering for AI pipelines on Apache Airflow."""

__version__ = "0.1.0"
