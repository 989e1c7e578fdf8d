FROM base
HEALTHCHECK --interval=1h2m3.5s CMD ["a", "$b"]
