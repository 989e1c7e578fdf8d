FROM base
COPY f <<E
text
E
