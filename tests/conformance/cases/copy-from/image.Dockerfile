FROM scratch
COPY --from=base /etc/passwd /p
COPY --from=base etc /e
