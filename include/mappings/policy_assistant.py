"""What the seams of policy_assistant should have produced, by the assistant's specification.

Written without looking at the production code: a reference that copies a fault finds none.
"""

import html
import json

import pandas as pd

AREAS = {
    "ORD": "orders and delivery",
    "CON": "contracts",
    "PPL": "people",
    "FIN": "finance and facilities",
    "SEC": "security and data",
}
SYSTEM_PROMPT = (
    "You answer questions of the help desk about our policies, from the excerpts below the question and from nothing "
    'else. Answer with JSON only: {"answer": the value asked for as it stands in the excerpt, or null, '
    '"document": the document that it stands in, or null, "confidence": 0 to 1}.'
)
USER_PROMPT = """\
Question: {question}
Area: {product_area}
Locale: {locale}

Excerpts:

"""
NO_ANSWER = "ask a person"


def to_request(questions: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "question": questions["text"].map(html.unescape).str.split().str.join(" "),
            "locale": questions["locale"].str.replace("_", "-"),
            "product_area": questions["area"].map(AREAS),
        }
    )


def to_prompt(question_mapping: dict, kb_lookup: dict) -> dict:
    served = kb_lookup["documents"]
    served = json.loads(served) if isinstance(served, str) else served
    excerpts = [f"[{one['id']}{_part(one)}]\n{one['text']}" for one in served]
    return {
        "model": "policy-reader",
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": USER_PROMPT.format_map(question_mapping) + "\n\n".join(excerpts)},
        ],
        "temperature": 0,
        "max_tokens": 80,
    }


def _part(one: dict) -> str:
    """Return the part's number; an excerpt that stands for one that was never indexed has none."""
    return f", part {one['chunk']}" if one.get("chunk") is not None else ""


def to_result(assistant: dict) -> dict:
    try:
        found = json.loads(assistant["answer"] or "")
        answer, source = found["answer"], found["document"]
    except (ValueError, KeyError, TypeError):  # no answer, or half of one: a person answers
        answer, source = None, None
    return {"answer": answer.strip(), "source": source} if answer else {"answer": NO_ANSWER, "source": None}
