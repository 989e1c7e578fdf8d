FROM base
CMD [ "a", \
# comment
  "b" , \

  "c" ]
ENTRYPOINT [ ]
