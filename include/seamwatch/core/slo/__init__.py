"""Service level objectives: the ledger of an error budget, alerts by burn rate, the policy that freezes releases."""
