FROM base
RUN echo x >/file
COPY d /file
