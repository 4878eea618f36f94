"""The company's own integration code of the policy assistant: from a question to the prompt, and from answer to reply.

This is the production code that Seamwatch watches from outside. It shares nothing with the references in
`include/mappings/policy_assistant.py`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

MODEL_NAME = "policy-reader"
NO_ANSWER = "ask a person"
"""What the help desk shows where the model found nothing."""
_MAX_TOKENS = 80
_AREAS = {
    "ORD": "orders and delivery",
    "CON": "contracts",
    "PPL": "people",
    "FIN": "finance and facilities",
    "SEC": "security and data",
}
_SYSTEM = (
    "You answer questions of the help desk about our policies, from the excerpts below the question and from nothing "
    'else. Answer with JSON only: {"answer": the value asked for as it stands in the excerpt, or null, '
    '"document": the document that it stands in, or null, "confidence": 0 to 1}.'
)


def map_question(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assistant's view of a question."""
    return {
        "question": " ".join(html.unescape(question["text"]).split()),
        "locale": question["locale"].replace("_", "-"),
        "product_area": _AREAS[question["area"]],
    }


def build_prompt(request: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the body of the chat request."""
    excerpts = "\n\n".join(f"[{one['id']}, part {one['chunk']}]\n{one['text']}" for one in documents)
    text = (
        f"Question: {request['question']}\n"
        f"Area: {request['product_area']}\n"
        f"Locale: {request['locale']}\n"
        f"\nExcerpts:\n\n{excerpts}"
    )
    return {
        "model": MODEL_NAME,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": _MAX_TOKENS,
    }


def map_answer(answer: str | None) -> dict[str, Any]:
    """Return what the help desk is told, by the model's answer."""
    try:
        said = json.loads(answer or "")
    except ValueError:
        said = None
    if not isinstance(said, dict) or not said.get("answer"):
        return {"answer": NO_ANSWER, "source": None}
    return {"answer": said["answer"].strip(), "source": said.get("document")}
