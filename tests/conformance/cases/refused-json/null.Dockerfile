FROM base
ENTRYPOINT [null]
