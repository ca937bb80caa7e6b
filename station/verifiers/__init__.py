"""What goes into an auditor's package to check it without Sceau: `verify.py` and `verifier.html`. They import nothing of the project."""
