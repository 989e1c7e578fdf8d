FROM base
LABEL a=${:}
