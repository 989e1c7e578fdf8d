FROM base
RUN echo x >/file
COPY f /file/x
