FROM base AS one
ONBUILD RUN echo triggered >/t
ONBUILD USER app
FROM one
LABEL a=b
