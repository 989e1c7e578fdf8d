FROM base
USER app:nobody-here
RUN true
