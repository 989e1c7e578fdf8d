FROM base
RUN mkdir /old && chmod 700 /old && touch -d @800000000 /old
USER 12:34
WORKDIR /w/x
COPY f .
WORKDIR /old
WORKDIR /old/new
USER app
WORKDIR /home/app/deep
RUN touch mine
USER 77
WORKDIR /seventy/seven
