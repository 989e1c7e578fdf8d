FROM base
COPY <<E /x
text
