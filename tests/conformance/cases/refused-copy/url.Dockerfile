FROM base
COPY http://example.invalid/x /
