FROM base
healthcheck --retries=2 cmd x
