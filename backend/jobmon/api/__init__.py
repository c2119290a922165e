"""Answer questions over HTTP: who asks and what that person may do, errors, and how routes declare both."""
