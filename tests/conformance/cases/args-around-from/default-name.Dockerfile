ARG v
FROM base${v:+-nothing} AS one
FROM ${v:-one}
COPY --from=one /etc/passwd /p
