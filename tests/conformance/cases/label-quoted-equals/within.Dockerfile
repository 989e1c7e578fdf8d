FROM base
LABEL x"y=z"w=v
