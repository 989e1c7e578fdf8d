FROM base
USER nobody-here
RUN true
