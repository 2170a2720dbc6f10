"""What the product means: pure values and rules.

No await, no clock, no input or output, and no library but croniter (``schedule``) and jsonschema
(``payload``) belong here. Whoever needs the time passes it in.
"""
