FROM base
USER 5:
RUN id >/tmp/1
WORKDIR /w5
USER :5
RUN id >/tmp/2
WORKDIR /w0
USER app:
RUN id >/tmp/3
WORKDIR /wa
USER :staff
RUN id >/tmp/4
