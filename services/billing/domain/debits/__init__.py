"""Direct debit (BI8): mandates, days, sequences, the file that banks take, and what comes back."""
