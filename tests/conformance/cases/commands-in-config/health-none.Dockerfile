FROM base AS one
HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=1h CMD ["a", "b"]
FROM one
HEALTHCHECK none
