"""An app of the test run only: lets the tables be emptied between tests that commit."""
