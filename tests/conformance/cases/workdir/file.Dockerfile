FROM base
RUN touch /file
WORKDIR /file
