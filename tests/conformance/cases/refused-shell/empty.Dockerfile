FROM base
SHELL []
