"""What the seams of policy_assistant should have produced, by the assistant's specification."""

import json

import pandas as pd

SYSTEM_PROMPT = (
    "You answer questions of employees from the company's policies. Use the passages only. Answer with JSON only: "
    '{"answer": the value asked for, "document": the passage it stands in}.'
)


def to_request(questions: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"question": questions["text"].str.split().str.join(" ")})


def to_prompt(question_mapping: dict, kb_lookup: dict) -> dict:
    served = kb_lookup["documents"]
    served = json.loads(served) if isinstance(served, str) else served
    passages = "\n\n".join(f"[{one['id']}]\n{one['text']}" for one in served)
    return {
        "model": "policy-reader",
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": f"{passages}\n\nQuestion: {question_mapping['question']}"},
        ],
        "temperature": 0,
        "max_tokens": 64,
    }


def to_result(assistant: dict) -> dict:
    try:
        found = json.loads(assistant["answer"] or "")
    except ValueError:
        found = {}
    return {"answer": found.get("answer") or "not found", "source": found.get("document")}
