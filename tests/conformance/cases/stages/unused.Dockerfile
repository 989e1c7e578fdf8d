FROM base AS unused
RUN false
FROM base
RUN echo x >/x
