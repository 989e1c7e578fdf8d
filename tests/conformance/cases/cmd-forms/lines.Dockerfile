FROM base
CMD ["a", \
  "b", \
  # comment
  "c"]
