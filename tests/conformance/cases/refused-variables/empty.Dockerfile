FROM base
LABEL a=${}
