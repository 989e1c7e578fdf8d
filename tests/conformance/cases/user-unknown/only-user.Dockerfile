FROM base
USER nobody-here
