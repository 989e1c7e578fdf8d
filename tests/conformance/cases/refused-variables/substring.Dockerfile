FROM base
LABEL a=${x:0:1}
