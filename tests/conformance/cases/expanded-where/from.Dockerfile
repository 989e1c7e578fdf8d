FROM base AS one
FROM base
ENV s=one
COPY --from=$s /etc/passwd /x
