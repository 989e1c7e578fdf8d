FROM base
COPY --parents src/absent /to/
