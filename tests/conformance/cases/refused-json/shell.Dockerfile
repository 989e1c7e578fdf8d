FROM base
SHELL ["a", {}]
