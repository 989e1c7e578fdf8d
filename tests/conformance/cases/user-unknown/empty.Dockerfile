FROM base
USER $nothing
LABEL a=b
