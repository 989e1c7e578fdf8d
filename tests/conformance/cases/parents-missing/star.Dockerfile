FROM base
COPY --parents src/*.h Makefile /to/
