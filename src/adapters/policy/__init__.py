"""The operator's policy: oslo.policy, and the file of property protections."""
