FROM base AS one
RUN echo 1 >/x
FROM one AS one
RUN echo 2 >>/x
FROM one
RUN echo 3 >>/x
COPY --from=one /x /from
