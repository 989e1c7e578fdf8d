FROM base
HEALTHCHECK --interval=90s --retries=3 cmd   exit  1
