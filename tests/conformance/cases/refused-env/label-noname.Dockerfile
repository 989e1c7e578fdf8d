FROM base
LABEL =x
