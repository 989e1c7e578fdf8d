FROM base
ONBUILD RUN echo "$x"   two
onbuild copy . /y
ONBUILD CMD ["a",   "b"]
ONBUILD ENV a=b \
  c=d
